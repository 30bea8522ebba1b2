# frozen_string_literal: true

require "minitest/autorun"
require "open3"
require "rbconfig"
require "timeout"

require "async_producer"

# What the tests share. Time limits are guards against a hang, and generous.
module Helper
  LIMIT = 60
  DEAD_BROKER = { "bootstrap.servers" => "127.0.0.1:1" }.freeze
  MOCK_CLUSTER = { "test.mock.num.brokers" => 1 }.freeze
  QUIET = Logger.new(nil)

  LIB = File.expand_path("../lib", __dir__)

  # Events as they come, for tests to wait for.
  class Events
    def initialize
      @events = []
      @lock = Mutex.new
      @changed = ConditionVariable.new
    end

    def call(event)
      @lock.synchronize do
        @events << event
        @changed.broadcast
      end
    end

    def all(kind = nil)
      @lock.synchronize { @events.select { |event| kind.nil? || event.kind == kind } }
    end

    def wait_for(kind, count = 1)
      deadline = AsyncProducer::Clock.now + LIMIT
      @lock.synchronize do
        until @events.count { |event| event.kind == kind } >= count
          left = deadline - AsyncProducer::Clock.now
          raise "#{count} events of #{kind} did not come: #{@events.map(&:kind).tally}" if left <= 0

          @changed.wait(@lock, left)
        end
      end
      all(kind)
    end
  end

  def setup
    super
    @producers = []
  end

  def teardown
    @producers.each { |producer| producer.shutdown(timeout: 0) }
    super
  end

  def make(properties = {}, logger: QUIET, **options)
    producer = AsyncProducer.new(properties, logger: logger, **options)
    @producers << producer
    producer
  end

  # A producer whose messages reach nobody.
  def dead(**options)
    make(DEAD_BROKER, **options)
  end

  # A producer with a Kafka of its own inside the process.
  def mock(**options)
    make(MOCK_CLUSTER, **options)
  end

  # The messages that come back from a producer when it is ended at once.
  def messages_back(**options)
    events = Events.new
    producer = dead(on_event: events, events: [:dropped], **options)
    yield producer
    producer.shutdown(timeout: 0)
    events.all(:dropped).map(&:message)
  end

  def wait_until(what)
    deadline = AsyncProducer::Clock.now + LIMIT
    until yield
      flunk "#{what}: not within #{LIMIT} seconds" if AsyncProducer::Clock.now > deadline
      Thread.pass
    end
  end

  # Runs a script in a Ruby of its own: its standard output, standard error and exit status.
  def ruby(script, *options, env: {})
    command = [RbConfig.ruby, "-W", "-I#{LIB}", *options, "-e", script]
    out, error, status = Timeout.timeout(LIMIT) { Open3.capture3(env, *command) }
    [out, error, status]
  end

  # As {#ruby}, where nothing may go wrong.
  def ruby!(script, *options, env: {})
    out, error, status = ruby(script, *options, env: env)
    assert status.success?, "#{status}: #{error}"
    assert_empty error
    out
  end
end

class AsyncProducerTest < Minitest::Test
  include Helper
end
