# frozen_string_literal: true

require "tmpdir"

require_relative "helper"

class ForkTest < AsyncProducerTest
  # Runs the block in a forked child; whether it answered true. Nothing that the parent has registered for its end runs.
  def in_child
    pid = fork do
      answer = yield
    rescue Exception => e # rubocop:disable Lint/RescueException -- the child ends here, whatever it was
      warn e.full_message
    ensure
      exit!(answer == true ? 0 : 1)
    end
    -> { Timeout.timeout(LIMIT) { Process.wait2(pid).last.success? } }
  end

  def test_a_child_goes_on_with_an_inherited_producer
    events = Events.new
    producer = mock(on_event: events, events: [:delivered])
    3.times { producer.produce("parent", topic: "t") }
    child = in_child do
      2.times { producer.produce("child", topic: "t") }
      producer.flush(timeout: LIMIT)
      events.wait_for(:delivered, 2)
      producer.shutdown!(timeout: LIMIT)
      producer.stats.accepted == 2 && events.all.size == 2
    end
    assert child.call
    producer.shutdown!(timeout: LIMIT)
    assert_equal [3, 3], [producer.stats.delivered, events.all.size]
  end

  def test_a_child_waits_for_deliveries_of_its_own
    producer = mock(delivery_reports: true)
    parents = producer.produce_async("parent", topic: "t")
    child = in_child do
      delivery = producer.produce_async("child", topic: "t")
      producer.deliver_messages
      delivery.wait(timeout: LIMIT).offset.zero? && !parents.settled?
    end
    assert child.call
    producer.deliver_messages
    assert_equal 0, parents.wait(timeout: LIMIT).offset
  end

  def test_four_workers_of_a_preforking_server
    producer = mock(delivery_threshold: 10)
    producer.produce("parent", topic: "t")
    workers = Array.new(4) do
      in_child do
        100.times { |number| producer.produce("value #{number}", topic: "t") }
        producer.shutdown!(timeout: LIMIT)
        producer.stats.delivered == 100
      end
    end
    assert_equal [true] * 4, workers.map(&:call)
    producer.shutdown!(timeout: LIMIT)
    assert_equal 1, producer.stats.delivered
  end

  def test_a_child_that_does_nothing_ends_at_once_and_takes_no_event
    events = Events.new
    producer = mock(on_event: events, events: [:delivered])
    10.times { producer.produce("v", topic: "t") }
    assert in_child { true }.call
    producer.shutdown!(timeout: LIMIT)
    assert_equal 10, events.all.size
  end

  def test_a_child_may_end_and_forget_what_it_inherited
    producer = mock
    producer.produce("v", topic: "t")
    assert(in_child { producer.shutdown!(timeout: LIMIT).nil? })
    assert_nil producer.shutdown!(timeout: LIMIT)
    assert_equal 1, producer.stats.delivered
  end

  def test_a_child_of_a_child
    producer = mock(delivery_reports: true)
    producer.produce("v", topic: "t")
    child = in_child do
      producer.produce("v", topic: "t")
      grandchild = in_child do
        delivery = producer.produce_async("v", topic: "t")
        producer.deliver_messages
        delivery.wait(timeout: LIMIT).offset.zero?
      end
      grandchild.call
    end
    assert child.call
  end

  def test_r51_a_fork_while_the_reader_tells_of_losses
    told = Queue.new
    go_on = Queue.new
    events = Events.new
    handler = lambda do |event|
      events.call(event)
      next unless event.message.value == "parent 0"

      told << true
      go_on.pop
    end
    log = StringIO.new
    producer = dead(on_event: handler, events: [:dropped], logger: Logger.new(log))
    2.times { |number| producer.produce("parent #{number}", topic: "t") }
    assert_equal 2, producer.clear_buffer
    told.pop # The reader has read both, and counts the first one.
    child = in_child do
      log.truncate(0)
      producer.produce("child", topic: "t")
      producer.shutdown(timeout: 0)
      events.all.map { |event| event.message.value } == ["parent 0", "child"] &&
        log.string.include?("1 message was not delivered")
    end
    assert child.call
    go_on << true
    producer.shutdown(timeout: 0)
    assert_equal ["parent 0", "parent 1"], events.all.map { |event| event.message.value }
  end

  def test_r51_a_handler_that_forks
    out = ruby!(<<~RUBY)
      require "async_producer"
      $stdout.sync = true
      told = []
      failed = true
      handler = lambda do |event|
        told << event.message.value
        next unless event.message.value == "1"

        # The child comes back from the handler: what else was read is the parent's to tell.
        child = fork
        child ? failed = !Process.wait2(child).last.success? : at_exit { print "child " + told.join + " " }
      end
      producer = AsyncProducer.new("bootstrap.servers" => "127.0.0.1:1", logger: Logger.new(nil), on_event: handler,
                                   events: [:dropped])
      4.times { |number| producer.produce(number, topic: "t") }
      producer.shutdown(timeout: 0)
      print "parent ", told.join, failed
    RUBY
    assert_equal "child 01 parent 0123false", out
  end

  def test_r51_children_are_told_of_nothing_of_the_parents
    # Forked while events wait to be read, are read, and are told; the values say whose they are.
    producer = mock(delivery_reports: true, delivery_threshold: 10, overflow_wait: LIMIT)
    parents = []
    over = false
    meanwhile = Thread.new do
      until over
        parents << producer.produce_async("parent", topic: "t")
        sleep 0.0005
      end
    end
    6.times do
      children = Array.new(8) do
        in_child do
          unsettled = parents.last(1000).reject(&:settled?)
          own = Array.new(10) { producer.produce_async("child", topic: "t") }
          producer.flush(timeout: LIMIT)
          own.map { |delivery| delivery.wait(timeout: LIMIT).offset } == (0..9).to_a && unsettled.none?(&:settled?) &&
            producer.stats.accepted == 10
        end
      end
      assert_equal [true] * 8, children.map(&:call)
    end
    over = true
    meanwhile.join
    producer.shutdown!(timeout: LIMIT)
    assert_equal parents.size, parents.map { |delivery| [delivery.event.partition, delivery.event.offset] }.uniq.size
    assert_equal parents.size, producer.stats.delivered
  end

  def test_a_fork_with_the_ends_that_ruby_runs
    out = ruby!(<<~RUBY)
      require "async_producer"
      producer = AsyncProducer.new("test.mock.num.brokers" => 1)
      producer.produce("parent", topic: "t")
      child = fork { producer.produce("child", topic: "t"); producer.shutdown!(timeout: 60); print "child " }
      Process.wait(child)
      print $?.exitstatus
      producer.shutdown!(timeout: 60)
      print " parent ", producer.stats.delivered
    RUBY
    assert_equal "child 0 parent 1", out
  end

  def test_a_daemon_goes_on
    Dir.mktmpdir do |directory|
      report = File.join(directory, "report")
      assert system("mkfifo", report)
      reading = Thread.new { File.read(report) }
      ruby!(<<~RUBY)
        require "async_producer"
        producer = AsyncProducer.new("test.mock.num.brokers" => 1)
        producer.produce("before", topic: "t")
        producer.shutdown!(timeout: 60)
        producer = AsyncProducer.new("test.mock.num.brokers" => 1, delivery_reports: true)
        producer.produce("lost with the parent", topic: "t")
        Process.daemon
        delivery = producer.produce_async("after", topic: "t")
        producer.deliver_messages
        delivery.wait(timeout: 60)
        producer.shutdown!(timeout: 60)
        File.write(#{report.dump}, producer.stats.delivered)
      RUBY
      assert_equal "1", Timeout.timeout(LIMIT) { reading.value }
    end
  end
end
