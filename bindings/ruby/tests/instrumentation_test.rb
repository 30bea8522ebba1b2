# frozen_string_literal: true

require_relative "helper"

# The events of ruby-kafka, under its names.
class InstrumentationTest < AsyncProducerTest
  def setup
    super
    @told = Queue.new
    @subscription = AsyncProducer.instrumenter.subscribe(/\.kafka\z/) { |event| @told << event }
  end

  def teardown
    super
    AsyncProducer.instrumenter.unsubscribe(@subscription)
  end

  # The payloads of an event, without what is the same in all.
  def payloads(name)
    events = Array.new(@told.size) { @told.pop }.each { |event| @told << event }
    events.select { |event| event.name == "#{name}.kafka" }.map { |event| event.payload.except(:client_id) }
  end

  def test_produce_tells_on_its_own_thread
    producer = dead("client.id" => "shop", max_queue_size: 7, max_buffer_size: 1)
    threads = []
    watch = AsyncProducer.instrumenter.subscribe(/enqueue|produce/) { |_event| threads << Thread.current }
    2.times { assert_nil producer.produce("value", topic: "orders", key: "k") }
    AsyncProducer.instrumenter.unsubscribe(watch)
    assert_equal [Thread.current], threads.uniq
    assert_equal "shop", @told.pop.payload[:client_id]
    assert_equal({ topic: "orders", queue_size: 1, max_queue_size: 7 }, payloads("enqueue_message.async_producer").last)
    payload = payloads("produce_message.producer").last
    assert_equal ["value", "k", "orders", 6, 1, 1],
                 payload.values_at(:value, :key, :topic, :message_size, :buffer_size, :max_buffer_size)
    assert_kind_of Time, payload[:create_time]
  end

  def test_an_overflow
    producer = dead(max_queue_size: 1, max_buffer_size: 1)
    assert_raises(AsyncProducer::BufferOverflow) { 3.times { producer.produce("v", topic: "t") } }
    assert_equal 0, producer.produce_batch(["v"], topic: "u")
    assert_equal [{ topic: "t" }, { topic: "u" }], payloads("buffer_overflow.async_producer")
  end

  def test_a_delivery
    producer = mock
    2.times { producer.produce("v", topic: "t", partition: 3) }
    producer.shutdown!(timeout: LIMIT)
    acks = payloads("ack_message.producer")
    assert_equal [["t", 3, 0], ["t", 3, 1]], acks.map { |payload| payload.values_at(:topic, :partition, :offset) }
    assert_operator acks.first[:delay], :>, 0
    deliveries = payloads("deliver_messages.producer")
    assert_equal [2, 2], sums(deliveries)
    assert_equal [1], deliveries.map { |payload| payload[:attempts] }.uniq
    assert(deliveries.all? { |payload| payload[:duration].positive? && !payload.key?(:exception) })
  end

  def test_a_failure
    producer = mock
    producer.produce("good", topic: "t", partition: 0)
    producer.produce("bad", topic: "t", partition: 4711)
    producer.shutdown(timeout: LIMIT)
    error = payloads("error.async_producer").first[:error]
    assert_kind_of AsyncProducer::DeliveryFailed, error
    assert_equal ["bad"], error.failed_messages.map(&:value)
    assert_equal [{ topic: "t", exception: ["AsyncProducer::DeliveryFailed", error.message] }],
                 payloads("topic_error.producer")
    deliveries = payloads("deliver_messages.producer")
    assert_equal [2, 1], sums(deliveries)
    assert_equal [["AsyncProducer::DeliveryFailed", "1 not delivered"]],
                 deliveries.filter_map { |payload| payload[:exception] }
    assert_equal [1, ["bad"]], dropped
  end

  def test_messages_that_are_dropped
    producer = dead
    3.times { |number| producer.produce(number, topic: "t", key: "k") }
    producer.shutdown(timeout: 0)
    assert_equal [3, %w[0 1 2]], dropped
  end

  def test_trouble_with_the_brokers
    producer = dead("stall_report_interval" => 0.05)
    producer.produce("v", topic: "t")
    producer.deliver_messages
    wait_until("an error") { payloads("error.async_producer").any? }
    assert_kind_of AsyncProducer::ClientError, payloads("error.async_producer").first[:error]
  end

  def test_reports_are_asked_for_where_somebody_listens_to_them
    assert mock.instance_variable_get(:@ledger)
    AsyncProducer.instrumenter.unsubscribe(@subscription)
    refute mock.instance_variable_get(:@ledger)
    assert mock(delivery_reports: true).instance_variable_get(:@ledger)
  end

  def test_activesupport_is_used_where_it_is
    out = ruby!(<<~RUBY)
      require "active_support"
      require "active_support/notifications"
      require "async_producer"
      told = Queue.new
      ActiveSupport::Notifications.subscribe(/\\.kafka\\z/) { |event| told << [event.name, event.payload] }
      timed = []
      ActiveSupport::Notifications.subscribe("enqueue_message.async_producer.kafka") { |*arguments| timed << arguments }
      AsyncProducer.instrumenter.subscribe("drop_messages.async_producer.kafka") { |event| told << [event.name, nil] }
      producer = AsyncProducer.new("test.mock.num.brokers" => 1, client_id: "shop", logger: Logger.new(nil))
      producer.produce("v", topic: "t", partition: 0)
      producer.produce("v", topic: "t", partition: 4711)
      producer.shutdown(timeout: 60)
      counts = Array.new(told.size) { told.pop }.map(&:first).tally.except("deliver_messages.producer.kafka")
      puts counts.sort.map { |name, count| "\#{name} \#{count}" }
      puts timed.first.size, timed.first.last
    RUBY
    assert_equal <<~TEXT, out
      ack_message.producer.kafka 1
      drop_messages.async_producer.kafka 2
      enqueue_message.async_producer.kafka 2
      error.async_producer.kafka 1
      produce_message.producer.kafka 2
      topic_error.producer.kafka 1
      5
      #{{ client_id: "shop", topic: "t", queue_size: 0, max_queue_size: 1000 }}
    TEXT
  end

  private

  def sums(payloads)
    %i[message_count delivered_message_count].map { |name| payloads.sum { |payload| payload[name] } }
  end

  def dropped
    payloads = payloads("drop_messages.async_producer")
    [payloads.sum { |payload| payload[:message_count] },
     payloads.flat_map { |payload| payload[:messages].map(&:value) }.sort]
  end
end
