# frozen_string_literal: true

require_relative "helper"

class ThreadsTest < AsyncProducerTest
  def test_s7_four_threads_produce_while_the_events_are_read
    events = Events.new
    producer = mock(on_event: events, events: [:delivered], max_queue_size: 20_000, delivery_threshold: 100)
    threads = Array.new(4) do |thread|
      Thread.new { 1000.times { |number| producer.produce("#{thread} #{number}", topic: "t", partition: 0) } }
    end
    threads.each(&:join)
    producer.shutdown!(timeout: LIMIT)
    assert_equal (0...4000).to_a, events.all.map(&:offset).sort
  end

  def test_s8_a_shutdown_in_the_middle_gives_shut_down_and_nothing_else
    producer = mock(max_queue_size: 1_000_000, max_buffer_size: 1000, delivery_threshold: 100)
    accepted = Queue.new
    threads = Array.new(4) do
      Thread.new do
        loop do
          producer.produce("v", topic: "t")
          accepted << 1
        rescue AsyncProducer::BufferOverflow # on a slow machine the threads are ahead of the delivery
          Thread.pass
        end
      rescue StandardError => e
        e.class
      end
    end
    wait_until("messages") { accepted.size > 100 }
    producer.shutdown!(timeout: LIMIT)
    assert_equal [AsyncProducer::ShutDown] * 4, threads.map(&:value)
    assert_equal accepted.size, producer.stats.delivered
  end

  def test_other_threads_run_during_a_flush
    producer = dead
    producer.produce("v", topic: "t")
    flush = Thread.new { producer.flush }
    flush.report_on_exception = false
    ticks = 0
    ticker = Thread.new { loop { Thread.pass.then { ticks += 1 } } }
    wait_until("ticks") { ticks > 1000 }
    assert_predicate flush, :alive?
    ticker.kill
    producer.shutdown(timeout: 0)
    assert_raises(AsyncProducer::Undelivered) { flush.value }
  end

  def test_two_shutdowns_at_once_answer_the_same
    producer = dead
    producer.produce("v", topic: "t")
    waiting = Thread.new { producer.shutdown!(timeout: nil) }
    waiting.report_on_exception = false
    wait_until("the shutdown begins") do
      producer.produce("v", topic: "t")
      false
    rescue AsyncProducer::BufferOverflow
      false
    rescue AsyncProducer::ShutDown
      true
    end
    assert_raises(AsyncProducer::Undelivered) { producer.shutdown!(timeout: 0) }
    assert_raises(AsyncProducer::Undelivered) { waiting.value }
    assert_nil producer.shutdown
  end

  def test_a_ractor_is_refused
    _, error, status = ruby(<<~RUBY)
      require "async_producer"
      ractor = Ractor.new { AsyncProducer.new("bootstrap.servers" => "127.0.0.1:1") }
      begin
        ractor.take
      rescue Ractor::RemoteError => e
        exit(e.cause.is_a?(AsyncProducer::Unsupported) ? 7 : 8)
      end
    RUBY
    assert_equal 7, status.exitstatus, error
  end
end
