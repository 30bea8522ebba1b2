# frozen_string_literal: true

# The form of ruby-kafka, for programs that come from there:
#
#     require "async_producer/kafka" # in the place of require "kafka"
#
#     kafka = Kafka.new(["kafka1:9092", "kafka2:9092"], client_id: "shop")
#     producer = kafka.async_producer(delivery_threshold: 100, delivery_interval: 30)
#
# A program that has ruby-kafka too, for its consumers, says AsyncProducer::Kafka.new instead. ruby-kafka is then
# loaded first: the errors of this gem become subclasses of its own, so that `rescue Kafka::BufferOverflow` still works.
require "kafka" if Gem.loaded_specs.key?("ruby-kafka")
require_relative "kafka/names"
require_relative "../async_producer"
require_relative "kafka/security"

unless AsyncProducer::BufferOverflow <= Kafka::BufferOverflow
  raise LoadError, "async_producer/kafka must be loaded before async_producer, for the errors' sake; in a Gemfile: " \
                   'gem "async_producer", require: "async_producer/kafka"'
end

module AsyncProducer
  # A client with the arguments of ruby-kafka's. All it is for is {#async_producer}.
  class Kafka
    # ruby-kafka's way to take a key's hash, and a random partition where there is no key.
    PARTITIONERS = { nil => nil, crc32: "crc32", murmur2: "murmur2_random" }.freeze

    # What ruby-kafka has and this library has not.
    REFUSED = {
      transactional: "this library has no transactions",
      transactional_id: "this library has no transactions",
      interceptors: "change the message before it is produced"
    }.freeze

    # The arguments are those of Kafka.new in ruby-kafka; those of TLS and SASL are in {Security}.
    #
    # @param seed_brokers [Array<String>, String] host:port, with or without a scheme
    # @param partitioner [Symbol, nil] :crc32, which is the default, or :murmur2
    # @param properties [Hash] properties of the library or of librdkafka that ruby-kafka has no name for
    # @raise [ConfigError] names what is not allowed, and what is
    def initialize(seed_brokers = nil, client_id: "ruby-kafka", logger: nil, connect_timeout: nil, socket_timeout: nil,
                   partitioner: nil, resolve_seed_brokers: nil, properties: {}, **security)
      seed_brokers ||= security.delete(:seed_brokers)
      @logger = logger
      @properties = {
        "bootstrap.servers" => brokers(seed_brokers), "client.id" => client_id,
        "socket.connection.setup.timeout.ms" => milliseconds(connect_timeout),
        "socket.timeout.ms" => milliseconds(socket_timeout),
        "partitioner" => known_partitioner(partitioner),
        **Security.new(**security).properties, **properties
      }
    end

    # A {Producer}, with the arguments of ruby-kafka's async_producer and those of {Producer#initialize}.
    #
    # required_acks of less than :all, or idempotent: false, turns the library's idempotence off. compression_threshold
    # and transactional_timeout are taken and mean nothing.
    def async_producer(compression_codec: nil, compression_threshold: nil, ack_timeout: nil, required_acks: :all,
                       idempotent: nil, transactional: nil, transactional_id: nil, transactional_timeout: nil,
                       interceptors: nil, **options)
      refuse(transactional: transactional, transactional_id: transactional_id, interceptors: interceptors)
      Producer.new(
        { **@properties,
          "compression.codec" => compression_codec || "none", "request.timeout.ms" => milliseconds(ack_timeout),
          **acks(required_acks, idempotent) },
        logger: @logger, **options
      )
    end

    # Without the properties, which may be secret.
    def inspect
      "#<#{self.class} #{Array(@properties["bootstrap.servers"]).join(",")}>"
    end

    # Each producer is ended by its own shutdown; there is nothing to close here.
    def close; end

    private

    def brokers(seed_brokers)
      seed_brokers = seed_brokers.split(",") if seed_brokers.is_a?(String)
      Array(seed_brokers).map { |broker| broker.strip.sub(%r{\A(kafka|kafka\+ssl|plaintext|ssl)://}, "") }
    end

    def milliseconds(seconds)
      seconds && (seconds * 1000).round
    end

    def known_partitioner(name)
      PARTITIONERS.fetch(name.is_a?(String) ? name.to_sym : name) do
        raise ConfigError, "partitioner: #{name.inspect} is not supported; :crc32 and :murmur2 are. To choose by " \
                           "your own rule, give produce the partition"
      end
    end

    def acks(required_acks, idempotent)
      return { "acks" => "all", "enable.idempotence" => idempotent } if [:all, -1].include?(required_acks)
      raise ConfigError, "idempotent: true needs required_acks: :all" if idempotent

      { "acks" => required_acks, "enable.idempotence" => false }
    end

    def refuse(options)
      options.each do |name, value|
        raise ConfigError, "#{name}: not supported; #{REFUSED[name]}" if value && value != []
      end
    end
  end
end
