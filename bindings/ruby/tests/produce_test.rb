# frozen_string_literal: true

require_relative "helper"

class ProduceTest < AsyncProducerTest
  def test_it_answers_nil
    assert_nil dead.produce("value", topic: "t")
  end

  def test_s2_ten_thousand_messages_are_reported_once_each
    producer = mock(max_queue_size: 10_000, max_buffer_size: 10_000, delivery_threshold: 1000, delivery_reports: true)
    deliveries = Array.new(10_000) { |number| producer.produce_async("value #{number}", topic: "t") }
    producer.flush(timeout: LIMIT)
    places = deliveries.map { |delivery| delivery.wait(timeout: LIMIT) }.map { |event| [event.partition, event.offset] }
    assert_equal 10_000, places.uniq.size
    assert_equal 10_000, producer.stats.delivered
  end

  def test_s3_null_and_empty_stay_apart
    back = messages_back do |producer|
      [nil, ""].product([nil, ""]) { |key, value| producer.produce(value, topic: "t", key: key) }
      [nil, ""].each { |value| producer.produce("v", topic: "t", headers: { "h" => value }) }
      [nil, ""].each { |key| producer.produce("v", topic: "t", partition_key: key, create_time: Time.at(1)) }
    end
    assert_equal [[nil, nil], [nil, ""], ["", nil], ["", ""]],
                 back.first(4).map { |message| [message.key, message.value] }
    assert_equal [[["h", nil]], [["h", ""]]], back[4, 2].map(&:headers)
    assert_equal [nil, ""], back[6, 2].map(&:partition_key)
  end

  def test_s3_null_and_empty_stay_apart_in_a_batch
    back = messages_back { |producer| producer.produce_batch([nil, "", "v"], topic: "t", keys: ["", nil, "k"]) }
    assert_equal [["", nil], [nil, ""], %w[k v]], back.map { |message| [message.key, message.value] }
  end

  def test_s4_bytes_are_taken_as_they_are
    values = ["a\0b", "\xFF\xFE".b, "grüße", "", "x" * (1 << 20), "0123456789"[3, 4]]
    back = messages_back("message.max.bytes" => 3_000_000) do |producer|
      values.each { |value| producer.produce(value, topic: "t", key: value) }
    end
    assert_equal values.map(&:b), back.map(&:value)
    assert_equal values.map(&:b), back.map(&:key)
  end

  def test_s4_a_string_may_change_right_after_the_call
    value = +"before"
    headers = { "name" => +"before" }
    back = messages_back do |producer|
      producer.produce(value, topic: "t")
      producer.produce(value, topic: "t", headers: headers)
      value.replace("after!")
      headers["name"].replace("after!")
    end
    assert_equal %w[before before], back.map(&:value)
    assert_equal [["name", "before"]], back.last.headers
  end

  def test_s5_a_full_queue_is_an_overflow_and_recovers
    producer = mock(max_queue_size: 5, max_buffer_size: 5, "test.mock.broker.rtt" => 200)
    accepted = 0
    error = assert_raises(AsyncProducer::BufferOverflow) do
      loop { producer.produce("v", topic: "t").then { accepted += 1 } }
    end
    assert_operator accepted, :>=, 10
    assert_equal ["AP_ERR_BUFFER_OVERFLOW", -2], [error.status_name, error.status]
    assert_includes error.message, '"t"'
    producer.flush(timeout: LIMIT)
    assert_nil producer.produce("v", topic: "t")
    assert_nil producer.shutdown!(timeout: LIMIT)
  end

  def test_overflow_wait_waits_for_room_and_lets_other_threads_run
    producer = mock(max_queue_size: 5, max_buffer_size: 5, overflow_wait: LIMIT, delivery_reports: true)
    1000.times { producer.produce("v", topic: "t") }
    producer.shutdown!(timeout: LIMIT)
    assert_equal [1000, 0], [producer.stats.delivered, producer.stats.overflowed]
  end

  def test_everything_kafka_knows_comes_back
    time = Time.at(1_700_000_000, 123, :millisecond)
    headers = [%w[h1 v1], ["h2", nil], ["h3", ""], %w[h1 again]]
    back = messages_back do |producer|
      producer.produce("v", topic: "t", key: "k", headers: headers, partition: 3, partition_key: "p", create_time: time)
    end
    assert_equal [AsyncProducer::Message.new("t", "v", "k", headers, 3, "p", time)], back
  end

  def test_a_message_that_came_back_can_be_produced_again
    message = AsyncProducer::Message.new("t", "v", nil, [%w[a b]], nil, "p", Time.at(7))
    back = messages_back { |producer| producer.produce(message.value, **message.options) }
    assert_equal [message], back
  end

  def test_what_is_no_string_is_made_one
    back = messages_back do |producer|
      producer.produce(5, topic: "t", key: :key, headers: { number: 1 }, partition: "2")
    end
    message = back.first
    assert_equal ["5", "key", [%w[number 1]], 2], [message.value, message.key, message.headers, message.partition]
  end

  def test_the_time_of_a_message_is_that_of_the_call
    before = Time.at(Time.now.to_i)
    back = messages_back { |producer| producer.produce("v", topic: "t") }
    assert_includes before..Time.now, back.first.create_time
  end

  def test_what_is_of_no_use_is_refused_by_name
    producer = dead
    [[:topic, 5], [:topic, nil], [:topic, "a\0b"], [:partition, "x"], [:partition, -1], [:partition, 2**31],
     [:headers, "h"], [:headers, 5], [:headers, [["a", 1, 2]]], [:headers, { 5 => "x" }], [:create_time, 12]].each do |name, value|
      error = assert_raises(AsyncProducer::InvalidArgument) { producer.produce("v", topic: "t", **{ name => value }) }
      assert_match(/\A#{name}: .* is not allowed; .* is needed\z/, error.message)
    end
    assert_equal 0, producer.stats.accepted
  end

  def test_an_illegal_topic_is_refused
    error = assert_raises(AsyncProducer::InvalidArgument) { dead.produce("v", topic: "bad topic") }
    assert_equal "AP_ERR_INVALID_ARGUMENT", error.status_name
    assert_kind_of ArgumentError, error
  end

  def test_a_message_that_is_too_large_is_refused
    error = assert_raises(AsyncProducer::MessageTooLarge) { dead.produce("v" * 2_000_000, topic: "t") }
    assert_equal "AP_ERR_MESSAGE_TOO_LARGE", error.status_name
  end

  def test_after_the_shutdown_it_is_refused
    producer = dead
    producer.produce("v", topic: "t")
    producer.shutdown(timeout: 0)
    [-> { producer.produce("v", topic: "t") }, -> { producer.produce("v", topic: "t", key: "k", partition: 1) },
     -> { producer.produce_batch(["v"], topic: "t") }, -> { producer.deliver_messages }, -> { producer.flush },
     -> { producer.clear_buffer }].each do |call|
      assert_equal "AP_ERR_SHUT_DOWN", assert_raises(AsyncProducer::ShutDown, &call).status_name
    end
  end
end
