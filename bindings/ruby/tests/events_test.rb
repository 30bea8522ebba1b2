# frozen_string_literal: true

require "json"
require "stringio"

require_relative "helper"

class EventsTest < AsyncProducerTest
  def setup
    super
    @events = Events.new
  end

  def test_every_message_is_told_of_from_its_start_to_its_end
    producer = mock(on_event: @events)
    producer.produce("v", topic: "orders", partition: 1)
    producer.shutdown!(timeout: LIMIT)
    kinds = @events.all.map(&:kind) - [:log]
    assert_equal %i[enqueued delivery_started delivered delivery_finished], kinds
    assert_equal ["orders", "accepted"], @events.all(:enqueued).first.to_h.values_at(:topic, :text)
    assert_equal [1, 1, 0], @events.all(:delivery_finished).first.to_h.values_at(:message_count, :attempt, :status)
    assert_equal ["orders", 1, 0], @events.all(:delivered).first.to_h.values_at(:topic, :partition, :offset)
  end

  def test_only_the_kinds_that_were_asked_for_are_told
    producer = mock(on_event: @events, events: [:delivery_finished])
    producer.produce("v", topic: "t")
    producer.shutdown!(timeout: LIMIT)
    assert_equal [:delivery_finished], @events.all.map(&:kind)
  end

  def test_an_overflow_is_told
    producer = dead(on_event: @events, events: [:buffer_overflow], max_queue_size: 1, max_buffer_size: 1)
    assert_raises(AsyncProducer::BufferOverflow) { 3.times { producer.produce("v", topic: "t") } }
    assert_equal "t", @events.wait_for(:buffer_overflow).first.topic
  end

  def test_a_failed_message_comes_back_whole
    producer = mock(on_event: @events, events: [:failed])
    producer.produce("v", topic: "t", key: "k", headers: { "h" => "x" }, partition: 4711)
    producer.shutdown(timeout: LIMIT)
    event = @events.all(:failed).first
    assert_equal ["v", "k", [%w[h x]], 4711], event.message.to_h.values_at(:value, :key, :headers, :partition)
    assert_equal [:no, "AP_ERR_UNDELIVERED"], [event.persistence, event.status_name]
    assert_operator event.kafka_error, :<, 0
  end

  def test_librdkafkas_statistics_come_as_json
    producer = mock(on_event: @events, events: [:stats], "statistics.interval.ms" => 10)
    producer.produce("v", topic: "t")
    producer.deliver_messages
    event = @events.wait_for(:stats).first
    assert_equal "rdkafka", JSON.parse(event.statistics)["client_id"]
  end

  def test_a_stall_and_the_trouble_behind_it_are_told
    producer = dead(on_event: @events, events: %i[stalled error], "stall_report_interval" => 0.05)
    producer.produce("v", topic: "t")
    producer.deliver_messages
    assert_match(/127\.0\.0\.1:1/, @events.wait_for(:error).first.text)
    refute_empty @events.wait_for(:stalled).first.text
  end

  def test_the_logger_hears_of_trouble_and_of_losses
    log = StringIO.new
    producer = dead(logger: Logger.new(log), "log_level" => 7, "debug" => "broker")
    producer.produce("v", topic: "t")
    producer.deliver_messages
    wait_until("an error") { log.string.include?("127.0.0.1:1") }
    2.times { producer.produce("v", topic: "t") }
    producer.shutdown(timeout: 0)
    lost = log.string.scan(/ERROR -- : (\d+) messages? (?:was|were) not delivered/)
    assert_equal 3, lost.flatten.sum(&:to_i)
    assert_match(/DEBUG -- : /, log.string)
  end

  def test_a_handler_that_raises_goes_to_the_logger_and_stops_nothing
    log = StringIO.new
    told = []
    producer = mock(logger: Logger.new(log), events: [:delivered], on_event: lambda { |event|
      told << event.offset
      raise NotImplementedError, "not today" if event.offset.even?
    })
    4.times { producer.produce("v", topic: "t", partition: 0) }
    producer.shutdown!(timeout: LIMIT)
    assert_equal [0, 1, 2, 3], told
    assert_equal 2, log.string.scan("an event handler raised NotImplementedError: not today").size
  end

  def test_a_handler_may_produce_and_even_end_its_producer
    producer = nil
    handler = lambda do |event|
      event.offset < 3 ? producer.produce("next", topic: "t", partition: 0) : producer.shutdown
      producer.deliver_messages if event.offset < 3
    end
    producer = mock(events: [:delivered], on_event: handler)
    producer.produce("first", topic: "t", partition: 0)
    producer.deliver_messages
    wait_until("the end") { producer.stats.delivered == 4 }
    wait_until("the reader's end") { !producer.instance_variable_get(:@reader).running? }
    assert_raises(AsyncProducer::ShutDown) { producer.produce("v", topic: "t") }
  end

  def test_a_user_who_reads_nothing_is_not_held_up
    producer = mock(max_queue_size: 10, max_buffer_size: 10, delivery_threshold: 1, overflow_wait: LIMIT)
    1000.times { producer.produce("v", topic: "t") }
    producer.shutdown!(timeout: LIMIT)
    assert_equal 1000, producer.stats.delivered
  end

  def test_an_unknown_kind_is_refused
    error = assert_raises(AsyncProducer::InvalidArgument) { mock(on_event: @events, events: [:nonsense]) }
    assert_match(/\Aevents: :nonsense is no kind of event/, error.message)
    assert_raises(AsyncProducer::InvalidArgument) { mock(on_event: 5) }
  end

  def test_a_large_message_comes_back
    value = "x" * 500_000
    assert_equal [value], messages_back { |producer| producer.produce(value, topic: "t") }.map(&:value)
  end
end
