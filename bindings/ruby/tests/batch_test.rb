# frozen_string_literal: true

require_relative "helper"

class BatchTest < AsyncProducerTest
  def test_s6_a_batch_is_delivered_in_order
    producer = mock(max_queue_size: 2000)
    assert_equal 1000, producer.produce_batch(Array.new(1000) { |number| "value #{number}" }, topic: "t")
    producer.flush(timeout: LIMIT)
    assert_equal 1000, producer.stats.delivered
  end

  def test_s6_as_many_are_taken_as_there_is_room_for
    taken = nil
    back = messages_back(max_queue_size: 6, max_buffer_size: 4) do |producer|
      taken = producer.produce_batch(("a".."z").to_a, topic: "t")
      assert_equal 0, producer.produce_batch(["no"], topic: "t")
    end
    assert_equal 10, taken
    assert_equal ("a".."j").to_a, back.map(&:value)
  end

  def test_s6_where_one_is_wrong_none_is_taken
    producer = dead
    assert_raises(AsyncProducer::MessageTooLarge) { producer.produce_batch(["v", "x" * 2_000_000], topic: "t") }
    assert_raises(AsyncProducer::InvalidArgument) { producer.produce_batch(["v"], topic: "bad topic") }
    assert_raises(AsyncProducer::InvalidArgument) { producer.produce_batch("v", topic: "t") }
    error = assert_raises(AsyncProducer::InvalidArgument) { producer.produce_batch(%w[a b], topic: "t", keys: ["k"]) }
    assert_match(/\Akeys: /, error.message)
    assert_equal 0, producer.stats.accepted
  end

  def test_s6_malformed_lengths_are_refused_by_the_library
    producer = dead
    handle = producer.instance_variable_get(:@handle)
    arrays = ->(values, *sizes) do
      AsyncProducer::Native.ap_produce_arrays(handle, "t", nil, 0, nil, values, values.bytesize, sizes.pack("l*"),
                                              sizes.size, 0)
    end
    assert_equal [-1, -1, -1], [arrays.call("abc", 1, 1), arrays.call("abc", 4), arrays.call("abc", -2, 5)]
    record = AsyncProducer::Record.pack("t", "v", nil, [], nil, nil, 0, 0)
    [record[0..-2], "#{record}x", "x" * 48].each do |bad|
      assert_equal(-1, AsyncProducer::Native.ap_produce_packed(handle, bad, bad.bytesize))
    end
    assert_equal 1, AsyncProducer::Native.ap_produce_packed(handle, record, record.bytesize)
    assert_equal 1, producer.stats.accepted
  end

  def test_an_empty_batch_is_fine
    assert_equal 0, dead.produce_batch([], topic: "t")
  end

  def test_values_of_several_encodings
    values = ["grüße", "\xFF".b, :symbol, 5]
    back = messages_back { |producer| assert_equal 4, producer.produce_batch(values, topic: "t") }
    assert_equal ["grüße".b, "\xFF".b, "symbol", "5"], back.map(&:value)
  end

  def test_a_batch_does_not_take_the_numbers_of_awaited_messages
    producer = mock(delivery_reports: true)
    first = producer.produce_async("first", topic: "t", partition: 0)
    producer.produce_batch(Array.new(100, "v"), topic: "t")
    second = producer.produce_async("second", topic: "u", partition: 0)
    producer.flush(timeout: LIMIT)
    assert_equal %w[t u], [first, second].map { |delivery| delivery.wait(timeout: LIMIT).topic }
  end
end
