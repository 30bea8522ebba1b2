# frozen_string_literal: true

require_relative "helper"

# The garbage collector may run at any time, and move what it keeps. In programs of their own: a collection takes as long
# as there is much to look through.
class CollectorTest < AsyncProducerTest
  def test_r69_gc_stress_while_messages_are_handed_over_and_come_back
    expected = [["a", nil, []], ["b", "key", [%w[h x]]], ["c", nil, []], ["d", nil, []], ["e", "k", []], [nil, "", []]]
    assert_equal expected.inspect, ruby!(<<~RUBY)
      require "async_producer"
      back = Queue.new
      producer = AsyncProducer.new("bootstrap.servers" => "127.0.0.1:1", logger: Logger.new(nil),
                                   on_event: back.method(:push), events: [:dropped], delivery_reports: true)
      GC.stress = true
      producer.produce("a", topic: "t")
      producer.produce("b", topic: "t", key: "key", headers: { "h" => "x" })
      producer.produce("c", topic: "t", partition_key: "p", create_time: Time.at(1))
      producer.produce_async("d", topic: "t")
      producer.produce_batch(["e", nil], topic: "t", keys: ["k", ""])
      producer.clear_buffer
      print Array.new(6) { back.pop.message.to_h.values_at(:value, :key, :headers) }.inspect
      GC.stress = false
    RUBY
  end

  def test_r69_gc_stress_while_events_are_read
    assert_equal "[0, 1, 2] true true", ruby!(<<~RUBY)
      require "async_producer"
      told = []
      producer = AsyncProducer.new("test.mock.num.brokers" => 1, delivery_threshold: 1, delivery_reports: true,
                                   on_event: told.method(:push))
      GC.stress = true
      deliveries = Array.new(3) { |number| producer.produce_async("v", topic: "t", partition: 0, key: number.to_s) }
      offsets = deliveries.map { |delivery| delivery.wait(timeout: 60).offset }
      GC.stress = false
      producer.shutdown!(timeout: 60)
      print offsets, " ", told.select { |event| event.kind == :delivered }.map(&:offset) == offsets, " ",
            told.select { |event| event.kind == :enqueued }.all? { |event| event.topic == "t" && event.text == "accepted" }
    RUBY
  end

  def test_r69_everything_moves_in_memory
    assert_equal "1000 140", ruby!(<<~RUBY)
      require "async_producer"
      delivered = Queue.new
      producer = AsyncProducer.new("test.mock.num.brokers" => 1, delivery_threshold: 10, overflow_wait: 60,
                                   delivery_reports: true, on_event: delivered.method(:push), events: [:delivered])
      over = false
      mover = Thread.new { GC.compact until over }
      GC.auto_compact = true
      deliveries = Array.new(1000) do |number|
        producer.produce_async("value " * 20, topic: "t", key: "key \#{number}", headers: { "h" => "x" * 50 })
      end
      producer.flush(timeout: 60)
      deliveries.each { |delivery| delivery.wait(timeout: 60) }
      over = true
      mover.join
      producer.shutdown!(timeout: 60)
      print delivered.size, " "

      back = Queue.new
      producer = AsyncProducer.new("bootstrap.servers" => "127.0.0.1:1", logger: Logger.new(nil), events: [:dropped],
                                   on_event: ->(event) { back << event.message })
      140.times do |number|
        producer.produce("value \#{number}" * 50, topic: "t", key: "key \#{number}", headers: { "h" => "x" * number })
        GC.verify_compaction_references(toward: :empty) if number % 35 == 0
      end
      mover = Thread.new { GC.compact }
      producer.clear_buffer
      print(140.times.count do |number|
        message = back.pop
        [message.value, message.key, message.headers] == ["value \#{number}" * 50, "key \#{number}", [["h", "x" * number]]]
      end)
      mover.join
      producer.shutdown(timeout: 0)
    RUBY
  end
end
