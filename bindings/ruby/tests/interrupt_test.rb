# frozen_string_literal: true

require_relative "helper"

# A wait for Kafka can be ended from outside, and the reader of events too.
class InterruptTest < AsyncProducerTest
  class Stop < StandardError
  end

  def waiting
    producer = dead
    producer.produce("v", topic: "t")
    producer
  end

  def test_timeout_ends_a_flush_and_a_shutdown
    producer = waiting
    assert_raises(Timeout::Error) { Timeout.timeout(0.05) { producer.flush } }
    assert_nil producer.produce("v", topic: "t")
    assert_raises(Timeout::Error) { Timeout.timeout(0.05) { producer.shutdown } }
    assert_raises(AsyncProducer::ShutDown) { producer.produce("v", topic: "t") }
    assert_raises(AsyncProducer::Undelivered) { producer.shutdown!(timeout: 0) }
  end

  def test_another_thread_ends_them
    %i[flush shutdown].each do |wait|
      producer = waiting
      thread = Thread.new { producer.public_send(wait) }
      thread.report_on_exception = false
      wait_until("it waits") { thread.status == "sleep" }
      thread.raise(Stop)
      assert_raises(Stop) { thread.value }
      producer.shutdown(timeout: 0)
    end
  end

  def test_the_wait_has_a_limit_of_its_own
    producer = waiting
    assert_raises(AsyncProducer::TimedOut) { producer.flush(timeout: 0.05) }
    assert_nil producer.shutdown(timeout: 0.05)
    error = assert_raises(AsyncProducer::InvalidArgument) { producer.flush(timeout: -1) }
    assert_match(/\Atimeout: -1 /, error.message)
    assert_raises(AsyncProducer::InvalidArgument) { producer.shutdown(timeout: "soon") }
  end

  def test_ctrl_c_ends_a_shutdown_and_the_next_one_goes_on
    reading, writing = IO.pipe
    pid = spawn(RbConfig.ruby, "-I#{LIB}", "-e", <<~RUBY, out: writing, err: File::NULL)
      require "async_producer"
      producer = AsyncProducer.new("bootstrap.servers" => "127.0.0.1:1")
      producer.produce("v", topic: "t")
      Thread.new { Thread.pass until Thread.main.status == "sleep"; $stdout.syswrite("waits") }
      begin
        producer.shutdown
      rescue Interrupt
        producer.shutdown(timeout: 0)
        exit(130 + producer.stats.dropped)
      end
    RUBY
    assert_equal "waits", Timeout.timeout(LIMIT) { reading.readpartial(100) }
    Process.kill(:INT, pid)
    assert_equal 131, Timeout.timeout(LIMIT) { Process.wait2(pid).last.exitstatus }
  end

  def test_a_reader_that_was_killed_is_started_again_and_loses_nothing
    offsets = []
    producer = mock(max_queue_size: 20_000, delivery_threshold: 10, events: [:delivered],
                    on_event: ->(event) { offsets << event.offset })
    reader = producer.instance_variable_get(:@reader)
    kills = 0
    2000.times do |number|
      producer.produce("v", topic: "t", partition: 0)
      next unless (number % 100).zero?

      reader.instance_variable_get(:@thread).kill.join(LIMIT)
      kills += 1
    end
    producer.shutdown!(timeout: LIMIT)
    assert_equal 20, kills
    assert_equal (0...2000).to_a, offsets
  end

  def test_a_reader_that_was_killed_is_not_missed_at_the_end
    events = Events.new
    producer = mock(events: [:delivered], on_event: events)
    producer.produce("v", topic: "t")
    producer.instance_variable_get(:@reader).instance_variable_get(:@thread).kill.join(LIMIT)
    producer.shutdown!(timeout: LIMIT)
    assert_equal 1, events.all.size
  end
end
