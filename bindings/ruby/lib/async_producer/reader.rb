# frozen_string_literal: true

module AsyncProducer
  # The thread that reads a producer's events. It starts with the first message, and again where it is gone: in the
  # child of a fork, or because somebody killed it.
  class Reader
    def initialize(producer, source:, reporter:, ledger:)
      @producer = producer
      @source = source
      @reporter = reporter
      @ledger = ledger
      @lock = Mutex.new
      @entries = []
    end

    def running?
      @thread&.alive? && !forked?
    end

    # In this process, not in the one it was forked from.
    def started?
      @pid == Process.pid
    end

    # Whether it was to be started; after its end it is not any more.
    def start
      @lock.synchronize do
        return false if running? || @finishing

        open_descriptors unless started?
        @thread = Thread.new { run }
        @thread.name = "ap-reader"
        true
      end
    end

    # After the producer's end: reads the events that are left and ends, within some seconds (nil = no limit).
    def finish(limit)
      start if started?
      @lock.synchronize do
        @finishing = true
        @bell&.close
      end
      # A handler that ends its own producer cannot wait for itself; the thread ends after it.
      @thread&.join(limit) unless Thread.current == @thread
    end

    private

    # A child has a descriptor, events and deliveries of its own.
    def open_descriptors
      descriptor = Native.ap_event_fd(@producer)
      raise Error.of(descriptor, "the events cannot be read") if descriptor.negative?

      @entries.clear
      @reporter.forget
      @ledger&.forget
      @events = IO.for_fd(descriptor, "rb")
      @finished, @bell = IO.pipe
      @pid = Process.pid
    end

    # Whether a handler forked, and this is the child that comes back from it: what is unread is the parent's to tell.
    def forked?
      @thread.equal?(Thread.main)
    end

    # Interrupted (killed, too) only between two readings, or while it waits: no event is lost on the way.
    def run
      Thread.handle_interrupt(Object => :on_blocking) do
        loop do
          finishing = @finishing
          report_all
          return if forked?
          break if finishing

          IO.select([@events, @finished])
        end
        @reporter.close
        [@events, @finished].each(&:close)
      end
    end

    def report_all
      loop do
        report_entries
        break if forked?

        @entries = @source.read
        break if @entries.empty?

        Thread.handle_interrupt(Object => :immediate) { Thread.pass }
      end
    ensure
      @reporter.summarize unless forked?
    end

    def report_entries
      @reporter.report(@entries.shift) until @entries.empty? || forked?
      @reporter.conclude unless forked?
    end
  end
end
