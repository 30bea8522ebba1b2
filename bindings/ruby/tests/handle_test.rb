# frozen_string_literal: true

require_relative "helper"

# What the library does with handles and descriptors, as this gem uses them.
class HandleTest < AsyncProducerTest
  Native = AsyncProducer::Native

  def handle(producer)
    producer.instance_variable_get(:@handle)
  end

  def readable?(io)
    !IO.select([io], nil, nil, 0).nil?
  end

  # A handle whose events nobody reads.
  def with_handle(properties = MOCK_CLUSTER, mask = AsyncProducer::Event.mask(AsyncProducer::Event::KINDS))
    handle = AsyncProducer::Config.with(properties) { |config| config.make_producer(mask) }
    yield handle
  ensure
    Native.ap_free(handle)
  end

  def produce(handle)
    assert_equal 0, Native.ap_produce(handle, "t", nil, 0, "v", 1, 7)
  end

  def test_s9_a_freed_or_foreign_handle_is_an_answer
    with_handle do |handle|
      Native.ap_free(handle)
      assert_equal(-1, Native.ap_produce(handle, "t", nil, 0, "v", 1, 0))
      assert_equal(-1, Native::Blocking.ap_shutdown(handle, 0))
      Native.ap_free(handle)
    end
    [0, 1, 4711, (2**64) - 1].each { |foreign| assert_equal(-1, Native.ap_deliver(foreign)) }
  end

  def test_s9_a_producer_whose_handle_is_gone_raises
    producer = dead
    Native.ap_free(handle(producer))
    assert_raises(AsyncProducer::InvalidArgument) { producer.stats }
    assert_raises(AsyncProducer::InvalidArgument) { producer.produce("v", topic: "t") }
    assert_raises(AsyncProducer::InvalidArgument) { producer.flush }
    @producers.clear
  end

  def test_s11_the_descriptor_is_readable_while_events_wait
    with_handle do |handle|
      events = IO.for_fd(Native.ap_event_fd(handle))
      buffer = FFI::MemoryPointer.new(64, 256)
      refute readable?(events)
      produce(handle)
      assert IO.select([events], nil, nil, LIMIT)
      assert_operator Native.ap_poll_events(handle, 0, buffer, 64, 256), :>, 0
      refute readable?(events)
      events.close
    end
  end

  def test_s11_the_descriptor_may_be_closed_before_and_after_the_producer
    before = IO.pipe
    kept = nil
    with_handle do |handle|
      IO.for_fd(Native.ap_event_fd(handle)).close
      kept = IO.for_fd(Native.ap_event_fd(handle))
      refute_equal kept.fileno, Native.ap_event_fd(handle).tap { |fd| IO.for_fd(fd).close }
    end
    other = File.open(File::NULL)
    kept.close
    assert_nil other.close
    before.each { |io| assert_nil io.close }
  end

  def test_s11_nothing_is_left_open_after_a_shutdown
    open = -> { Dir.children("/proc/self/fd").size }
    mock.tap { |producer| producer.produce("v", topic: "t") }.shutdown!(timeout: LIMIT)
    GC.start
    before = open.call
    5.times do
      producer = mock
      producer.produce("v", topic: "t")
      producer.shutdown!(timeout: LIMIT)
    end
    @producers.clear
    wait_until("descriptors are closed") { GC.start.nil? && open.call <= before + 2 }
  end

  def test_s12_entries_may_be_larger_than_the_librarys_and_not_smaller
    with_handle do |handle|
      produce(handle)
      wait_until("an event") { AsyncProducer::Stats.read(handle).unread_events.positive? }
      buffer = FFI::MemoryPointer.new(128, 4)
      buffer.put_bytes(0, "\xFF".b * 512)
      assert_equal(-1, Native.ap_poll_events(handle, 0, buffer, 63, 4))
      assert_operator Native.ap_poll_events(handle, 0, buffer, 128, 4), :>, 0
      entry = buffer.get_bytes(0, 128)
      assert_equal [7, 1], [entry.unpack1("Q", offset: 8), entry.unpack1("L", offset: 40)]
      assert_equal "\0".b * 64, entry[64..]
    end
  end

  def test_r69_a_producer_that_was_never_used_is_collected
    script = <<~RUBY
      require "async_producer"
      Process.setrlimit(:NOFILE, 64)
      200.times { AsyncProducer.new("bootstrap.servers" => "127.0.0.1:1").then { GC.start if _1 } }
      print "fine"
    RUBY
    assert_equal "fine", ruby!(script)
  end

  def test_nothing_holds_a_producer_after_its_shutdown
    producer = dead
    producer.produce("v", topic: "t")
    producer.shutdown(timeout: 0)
    assert_raises(AsyncProducer::ShutDown) { producer.produce("v", topic: "t") }
    refute_includes AsyncProducer::OpenProducers.instance_variable_get(:@producers), producer
  end

  def test_r69_a_forgotten_producer_goes_on_until_the_end
    out = ruby!(<<~RUBY)
      require "async_producer"
      delivered = Queue.new
      AsyncProducer.new("test.mock.num.brokers" => 1, delivery_interval: 0.05, events: [:delivered],
                        on_event: delivered.method(:push)).produce("v", topic: "t")
      10.times { GC.start }
      print delivered.pop.offset
    RUBY
    assert_equal "0", out
  end

  def test_r69_the_garbage_collector_may_run_at_any_time
    out = ruby!(<<~RUBY)
      require "async_producer"
      seen = Queue.new
      AsyncProducer.instrumenter.subscribe(/./) { |event| seen << event.payload }
      producer = AsyncProducer.new("test.mock.num.brokers" => 1, on_event: seen.method(:push), delivery_reports: true)
      GC.stress = 1 # minor collections, of what is new
      deliveries = Array.new(2) do |number|
        producer.produce("v" + number.to_s, topic: "t" + "opic", key: "k" * 3, headers: { "h" + "1" => "x" * 50 })
        producer.produce_batch(["a" * 100, nil, "b" + "c"], topic: "t" + "opic", keys: ["x" + "y", nil, ""])
        producer.produce_async("w" * 200, topic: "t" + "opic", partition: 1)
      end
      producer.produce("fails", topic: "topic", partition: 4711)
      producer.deliver_messages
      deliveries.each { |delivery| delivery.wait(timeout: 60) }
      GC.stress = false
      producer.shutdown(timeout: 60)
      print producer.stats.to_h.values_at(:accepted, :delivered, :failed)
    RUBY
    assert_equal "[11, 10, 1]", out.lines.last
  end
end
