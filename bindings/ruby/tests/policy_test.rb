# frozen_string_literal: true

require_relative "helper"

# When messages are sent.
class PolicyTest < AsyncProducerTest
  def setup
    super
    @events = Events.new
  end

  def delivering(**options)
    mock(on_event: @events, events: [:delivered], **options)
  end

  def test_the_threshold
    producer = delivering(delivery_threshold: 5)
    4.times { producer.produce("v", topic: "t") }
    assert_equal [0, 4], [producer.stats.delivered, producer.buffer_size]
    producer.produce("v", topic: "t")
    @events.wait_for(:delivered, 5)
  end

  def test_the_interval
    producer = delivering(delivery_interval: 0.05)
    3.times { producer.produce("v", topic: "t") }
    @events.wait_for(:delivered, 3)
  end

  def test_by_hand
    producer = delivering
    3.times { producer.produce("v", topic: "t") }
    assert_equal 0, producer.stats.deliveries
    assert_nil producer.deliver_messages
    @events.wait_for(:delivered, 3)
  end

  def test_nothing_to_deliver_is_fine
    producer = delivering
    assert_nil producer.deliver_messages
    assert_nil producer.flush(timeout: LIMIT)
    assert_nil producer.shutdown!(timeout: LIMIT)
    assert_nil producer.shutdown
  end

  def test_clear_buffer_drops_what_waits
    producer = dead(on_event: @events, events: [:dropped], max_queue_size: 5, max_buffer_size: 2)
    7.times { |number| producer.produce(number, topic: "t") }
    assert_equal 7, producer.buffer_size
    assert_equal 7, producer.clear_buffer
    assert_equal ("0".."6").to_a, @events.wait_for(:dropped, 7).map { |event| event.message.value }.sort
    wait_until("room") { producer.buffer_size.zero? }
    assert_equal 7, producer.stats.dropped
  end

  def test_the_order_of_a_partition_is_that_of_the_calls
    producer = delivering(max_queue_size: 5000, delivery_threshold: 7)
    2000.times { |number| producer.produce(number.to_s, topic: "t", partition: 0, create_time: Time.at(number + 1)) }
    producer.shutdown!(timeout: LIMIT)
    assert_equal (1..2000).to_a, @events.all.sort_by(&:offset).map { |event| event.timestamp.to_i }
  end

  def test_a_key_has_its_partition
    producer = delivering(delivery_reports: true)
    partitions = ->(**options) do
      deliveries = Array.new(10) { producer.produce_async("v", topic: "t", **options) }
      producer.flush(timeout: LIMIT)
      deliveries.map { |delivery| delivery.wait.partition }.uniq
    end
    require "zlib"
    assert_equal [Zlib.crc32("k") % 4], partitions.call(key: "k")
    assert_equal [Zlib.crc32("other") % 4], partitions.call(key: "k", partition_key: "other")
    assert_equal [0], partitions.call(key: "")
    assert_equal [3], partitions.call(key: "k", partition: 3)
  end

  def test_the_block_form_shuts_down
    stats = nil
    kept = nil
    answer = AsyncProducer.open(MOCK_CLUSTER, logger: QUIET) do |producer|
      producer.produce("v", topic: "t")
      kept = producer
      :answer
    end
    stats = kept.stats
    assert_equal [:answer, 1], [answer, stats.delivered]
  end

  def test_the_block_form_shuts_down_where_the_block_raises
    kept = nil
    assert_raises(KeyError) do
      AsyncProducer.open(MOCK_CLUSTER, logger: QUIET) do |producer|
        (kept = producer).produce("v", topic: "t")
        raise KeyError
      end
    end
    assert_equal 1, kept.stats.delivered
  end
end
