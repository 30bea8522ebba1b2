# frozen_string_literal: true

require_relative "helper"

class DeliveryTest < AsyncProducerTest
  def test_it_says_where_the_message_is
    producer = mock(delivery_reports: true)
    time = Time.at(1_700_000_000, 5, :millisecond)
    delivery = producer.produce_async("v", topic: "orders", partition: 2, create_time: time)
    refute_predicate delivery, :settled?
    producer.deliver_messages
    event = delivery.wait(timeout: LIMIT)
    assert_equal ["orders", 2, 0, time], [event.topic, event.partition, event.offset, event.timestamp]
    assert_equal [:delivered, :yes, "AP_OK"], [event.kind, event.persistence, event.status_name]
    assert_operator event.duration, :>, 0
    assert_predicate delivery, :delivered?
    assert_same event, delivery.wait
  end

  def test_a_message_that_failed_raises_and_has_the_message
    producer = mock(delivery_reports: true)
    delivery = producer.produce_async("v", topic: "t", key: "k", partition: 4711)
    producer.deliver_messages
    error = assert_raises(AsyncProducer::DeliveryFailed) { delivery.wait(timeout: LIMIT) }
    assert_equal %w[v k], error.failed_messages.first.to_h.values_at(:value, :key)
    assert_equal [:failed, :no, "t"], [error.event.kind, error.event.persistence, error.event.topic]
    assert_operator error.event.kafka_error, :<, 0
    assert_equal "AP_ERR_UNDELIVERED", error.status_name
    assert_match(/Unknown partition/, error.message)
  end

  def test_a_message_that_was_dropped_raises
    producer = dead(delivery_reports: true)
    delivery = producer.produce_async("v", topic: "t")
    producer.clear_buffer
    assert_raises(AsyncProducer::DeliveryFailed) { delivery.wait(timeout: LIMIT) }
    assert_equal :dropped, delivery.event.kind
  end

  def test_a_wait_has_a_limit
    producer = dead(delivery_reports: true)
    delivery = producer.produce_async("v", topic: "t")
    assert_raises(AsyncProducer::TimedOut) { delivery.wait(timeout: 0.01) }
    assert_raises(Timeout::Error) { Timeout.timeout(0.01) { delivery.wait } }
    refute_predicate delivery, :settled?
  end

  def test_several_threads_may_wait_for_one
    producer = mock(delivery_reports: true)
    delivery = producer.produce_async("v", topic: "t")
    threads = Array.new(4) { Thread.new { delivery.wait(timeout: LIMIT).offset } }
    producer.deliver_messages
    assert_equal [0] * 4, threads.map(&:value)
  end

  def test_a_shutdown_settles_every_delivery
    producer = dead(delivery_reports: true)
    deliveries = Array.new(100) { producer.produce_async("v", topic: "t") }
    producer.shutdown(timeout: 0)
    assert_equal [:dropped], deliveries.map { |delivery| delivery.event&.kind }.uniq
  end

  def test_it_needs_reports
    error = assert_raises(AsyncProducer::Unsupported) { dead.produce_async("v", topic: "t") }
    assert_includes error.message, "delivery_reports: true"
  end

  def test_nothing_is_kept_of_a_refused_message_nor_of_a_settled_one
    producer = mock(delivery_reports: true)
    assert_raises(AsyncProducer::InvalidArgument) { producer.produce_async("v", topic: "bad topic") }
    producer.produce_async("v", topic: "t")
    producer.flush(timeout: LIMIT)
    producer.shutdown
    ledger = producer.instance_variable_get(:@ledger)
    assert_empty ledger.instance_variable_get(:@deliveries)
  end
end
