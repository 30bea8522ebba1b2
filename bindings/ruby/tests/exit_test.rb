# frozen_string_literal: true

require_relative "helper"

# How a program ends that did not shut its producer down.
class ExitTest < AsyncProducerTest
  def test_s10_it_ends_with_events_flowing_twenty_times
    20.times do
      out = ruby!(<<~RUBY)
        require "async_producer"
        AsyncProducer.instrumenter.subscribe("drop_messages.async_producer.kafka") { |event| event }
        delivered = Queue.new
        producer = AsyncProducer.new("test.mock.num.brokers" => 1, max_queue_size: 100_000, max_buffer_size: 1000,
                                     delivery_threshold: 10, events: [:delivered], on_event: delivered.method(:push))
        Thread.new { loop { producer.produce("v", topic: "t") } }.report_on_exception = false
        print delivered.pop.kind
      RUBY
      assert_equal "delivered", out
    end
  end

  def test_it_ends_soon_and_says_what_was_lost
    _, error, status = ruby(<<~RUBY)
      require "async_producer"
      producer = AsyncProducer.new("bootstrap.servers" => "127.0.0.1:1")
      3.times { producer.produce("v", topic: "t") }
    RUBY
    assert_equal "async_producer: 3 messages were not delivered\n", error
    assert_predicate status, :success?
  end

  def test_a_subscriber_is_told_of_what_was_lost
    out = ruby!(<<~RUBY)
      require "async_producer"
      AsyncProducer.instrumenter.subscribe("drop_messages.async_producer.kafka") do |event|
        print event.payload[:message_count], event.payload[:messages].map(&:value)
      end
      producer = AsyncProducer.new("bootstrap.servers" => "127.0.0.1:1")
      3.times { |number| producer.produce(number, topic: "t") }
    RUBY
    assert_equal '3["0", "1", "2"]', out
  end

  def test_at_exit_blocks_of_the_program_come_first
    assert_equal "nil 3", ruby!(<<~RUBY)
      require "async_producer"
      producer = AsyncProducer.new("test.mock.num.brokers" => 1)
      at_exit { print producer.shutdown!(timeout: 60).inspect, " ", producer.stats.delivered }
      3.times { producer.produce("v", topic: "t") }
    RUBY
  end

  def test_it_ends_while_a_thread_waits_in_a_flush_or_a_shutdown
    %w[flush shutdown].each do |wait|
      out, _, status = ruby(<<~RUBY)
        require "async_producer"
        producer = AsyncProducer.new("bootstrap.servers" => "127.0.0.1:1", logger: Logger.new(nil))
        producer.produce("v", topic: "t")
        waiting = Thread.new { producer.#{wait} }
        waiting.report_on_exception = false
        Thread.pass until waiting.status == "sleep"
        print "end"
      RUBY
      assert_equal ["end", 0], [out, status.exitstatus]
    end
  end

  def test_sigterm_ends_a_program_that_waits_for_ever
    reading, writing = IO.pipe
    pid = spawn(RbConfig.ruby, "-I#{LIB}", "-e", <<~RUBY, out: writing, err: File::NULL)
      require "async_producer"
      producer = AsyncProducer.new("bootstrap.servers" => "127.0.0.1:1")
      producer.produce("v", topic: "t")
      Thread.new { Thread.pass until Thread.main.status == "sleep"; $stdout.syswrite("waits") }
      producer.shutdown
    RUBY
    assert_equal "waits", Timeout.timeout(LIMIT) { reading.readpartial(100) }
    Process.kill(:TERM, pid)
    status = Timeout.timeout(LIMIT) { Process.wait2(pid).last }
    assert_equal Signal.list["TERM"], status.termsig
  end

  def test_exit_bang_and_abort
    %w[exit!(3) abort].each do |ending|
      _, _, status = ruby(<<~RUBY)
        require "async_producer"
        producer = AsyncProducer.new("bootstrap.servers" => "127.0.0.1:1", logger: Logger.new(nil))
        producer.produce("v", topic: "t")
        #{ending}
      RUBY
      assert_equal ending == "abort" ? 1 : 3, status.exitstatus
    end
  end
end
