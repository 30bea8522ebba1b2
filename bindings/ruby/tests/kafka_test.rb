# frozen_string_literal: true

require "tmpdir"

require_relative "helper"

# Programs that come from ruby-kafka; each in a process of its own, since this changes the errors.
class KafkaTest < AsyncProducerTest
  # Stands for ruby-kafka: the classes that matter, under the same names and of the same form.
  RUBY_KAFKA = <<~RUBY
    module Kafka
      class Error < StandardError; end
      class ProtocolError < Error; end
      class MessageSizeTooLarge < ProtocolError; end
      class BufferOverflow < Error; end
      class DeliveryFailed < Error
        attr_reader :failed_messages

        def initialize(message, failed_messages)
          @failed_messages = failed_messages
          super(message)
        end
      end

      def self.new(*)
        :ruby_kafka
      end
    end
  RUBY

  # A program of ruby-kafka's users.
  PROGRAM = <<~RUBY
    producer = kafka.async_producer(max_queue_size: 2, max_buffer_size: 1, required_acks: :all, max_retries: -1,
                                    compression_codec: :gzip, retry_backoff: 0, ack_timeout: 5, idempotent: false)
    begin
      10.times { producer.produce("hello", topic: "greetings", key: nil, headers: {}, partition_key: "p") }
    rescue Kafka::BufferOverflow => e
      print "overflow "
    end
    producer.deliver_messages
    begin
      producer.produce("x" * 2_000_000, topic: "greetings")
    rescue Kafka::Error => e
      print e.class.name, " "
    end
    print producer.shutdown(timeout: 0).inspect
  RUBY

  ITS_NAME = 'kafka = Kafka.new(["127.0.0.1:1"], client_id: "shop", logger: Logger.new(nil))'
  OUR_NAME = 'kafka = AsyncProducer::Kafka.new("127.0.0.1:1", logger: Logger.new(nil))'

  def kafka(script, before: "", after: ITS_NAME)
    ruby!(<<~RUBY)
      #{before}
      require "async_producer/kafka"
      #{after}
      #{script}
    RUBY
  end

  def test_the_require_is_the_line_that_changes
    assert_equal "overflow AsyncProducer::MessageTooLarge nil", kafka(PROGRAM)
  end

  def test_beside_ruby_kafka_its_errors_go_on_being_rescued
    assert_equal "overflow AsyncProducer::MessageTooLarge nil", kafka(PROGRAM, before: RUBY_KAFKA, after: OUR_NAME)
    assert_equal "ruby_kafka", kafka("print Kafka.new", before: RUBY_KAFKA, after: "")
  end

  def test_ruby_kafka_may_come_later
    out, error, status = ruby(<<~RUBY)
      require "async_producer/kafka"
      $VERBOSE = nil # it defines some methods anew
      eval(#{RUBY_KAFKA.dump})
      #{OUR_NAME}
      #{PROGRAM}
    RUBY
    assert_predicate status, :success?, error
    assert_equal "overflow AsyncProducer::MessageTooLarge nil", out
  end

  def test_ruby_kafka_is_loaded_first_where_the_bundle_has_it
    Dir.mktmpdir do |directory|
      File.write(File.join(directory, "kafka.rb"), RUBY_KAFKA)
      out = kafka(PROGRAM, before: <<~RUBY, after: OUR_NAME)
        $LOAD_PATH << #{directory.dump}
        Gem.loaded_specs["ruby-kafka"] = Gem::Specification.new("ruby-kafka", "1.5.0")
      RUBY
      assert_equal "overflow AsyncProducer::MessageTooLarge nil", out
    end
  end

  def test_an_order_of_loading_that_would_break_rescues_is_refused
    _, error, status = ruby("require 'async_producer'; require 'async_producer/kafka'")
    refute_predicate status, :success?
    assert_match(/async_producer\/kafka must be loaded before async_producer/, error)
  end

  def test_a_failed_message_is_found_as_in_ruby_kafka
    out = kafka(<<~RUBY, after: "")
      AsyncProducer.instrumenter.subscribe("error.async_producer.kafka") do |event|
        raise event.payload[:error]
      rescue Kafka::DeliveryFailed => e
        print e.failed_messages.map(&:value), e.message.include?("Unknown partition"), e.is_a?(AsyncProducer::Error)
      end
      kafka = Kafka.new(nil, logger: Logger.new(nil),
                        properties: { "test.mock.num.brokers" => 1, "bootstrap.servers" => nil })
      producer = kafka.async_producer
      producer.produce("v", topic: "t", partition: 4711)
      producer.shutdown(timeout: 60)
    RUBY
    assert_equal '["v"]truetrue', out
  end

  def test_what_cannot_be_had_is_refused
    out = kafka(<<~'RUBY')
      attempt = ->(&block) { block.call && puts("accepted") rescue puts("#{$!.class.name[/\w+\z/]} #{$!.message}") }
      attempt.call { kafka.async_producer(transactional: true) }
      attempt.call { kafka.async_producer(transactional_id: "x") }
      attempt.call { kafka.async_producer(interceptors: [Object.new]) }
      attempt.call { kafka.async_producer(interceptors: [], transactional: false) }
      attempt.call { kafka.async_producer(idempotent: true, required_acks: 1) }
      attempt.call { kafka.async_producer(max_queue_size: 0) }
      attempt.call { kafka.async_producer(delivery_treshold: 0) }
      attempt.call { Kafka.new("a", partitioner: ->(count, message) { 0 }) }
      attempt.call { Kafka.new("a", sasl_gssapi_principal: "p") }
      attempt.call { Kafka.new("a", sasl_oauth_token_provider: Object.new) }
      attempt.call { Kafka.new("a", sasl_plain_authzid: "x") }
      attempt.call { Kafka.new("a", ssl_kart: "x") }
    RUBY
    assert_equal <<~TEXT, out.gsub(/#<Proc.*?>/, "PROC").gsub(/; :crc32 .*/, "; ...")
      ConfigError transactional: not supported; this library has no transactions
      ConfigError transactional_id: not supported; this library has no transactions
      ConfigError interceptors: not supported; change the message before it is produced
      accepted
      ConfigError idempotent: true needs required_acks: :all
      ConfigError max_queue_size: "0" is not allowed; a whole number from 1 to 10000000 is
      ConfigError delivery_treshold: no such property; see the table of properties in the README
      ConfigError partitioner: PROC is not supported; ...
      ConfigError sasl_gssapi_principal: not supported
      ConfigError sasl_oauth_token_provider: not supported
      ConfigError sasl_plain_authzid: not supported
      ArgumentError unknown keyword: ssl_kart
    TEXT
  end

  def test_options_become_properties
    out = kafka(<<~'RUBY', after: "")
      AsyncProducer::Producer.singleton_class.prepend(Module.new do
        def new(properties, **)
          puts(properties.compact.sort.map { |name, value| "#{name}=#{Array(value).join(",")}" })
        end
      end)
      Kafka.new("kafka://a:1,b", client_id: "shop", connect_timeout: 10, socket_timeout: 2.5, partitioner: :murmur2)
           .async_producer(compression_codec: :snappy, ack_timeout: 5)
      puts
      Kafka.new(seed_brokers: ["kafka+ssl://a:1", "ssl://b:2"], resolve_seed_brokers: true)
           .async_producer(required_acks: 0)
      puts
      Kafka.new("a", properties: { "linger.ms" => 3 }).async_producer(idempotent: true, compression_threshold: 3)
    RUBY
    assert_equal <<~TEXT, out
      acks=all
      bootstrap.servers=a:1,b
      client.id=shop
      compression.codec=snappy
      partitioner=murmur2_random
      request.timeout.ms=5000
      socket.connection.setup.timeout.ms=10000
      socket.timeout.ms=2500

      acks=0
      bootstrap.servers=a:1,b:2
      client.id=ruby-kafka
      compression.codec=none
      enable.idempotence=false

      acks=all
      bootstrap.servers=a
      client.id=ruby-kafka
      compression.codec=none
      enable.idempotence=true
      linger.ms=3
    TEXT
  end
end
