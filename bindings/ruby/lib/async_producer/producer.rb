# frozen_string_literal: true

module AsyncProducer
  # Hands messages to Kafka in the background.
  #
  #     producer = AsyncProducer.new("bootstrap.servers" => "localhost:9092", delivery_threshold: 100,
  #                                  delivery_interval: 30)
  #     producer.produce("hello", topic: "greetings")
  #     producer.shutdown
  #
  # Every method may be called from any thread. The child of a fork may use a producer it inherited: its queue starts
  # empty there.
  class Producer
    # How much longer than its timeout a shutdown waits for event handlers, in seconds.
    HANDLING_TIME = 1

    OVERFLOW = -2
    NO_HEADERS = {}.freeze

    # Properties are the library's and librdkafka's, by their names (Strings) or with underscores for dots (Symbols).
    #
    # @param properties [Hash] may as well be given as keyword arguments
    # @param logger [Logger, nil] is told of errors, retries, lost messages and librdkafka's log lines
    # @param on_event [#call, nil] is called with each {Event}, on the thread that reads them
    # @param events [Array<Symbol>] the kinds of events for on_event
    # @param delivery_reports [Boolean, nil] whether the delivery of each message is told, for {#produce_async} and the
    #   subscribers of ack_message; nil: where there is such a subscriber now
    # @raise [ConfigError] names the property and what is allowed
    def initialize(properties = {}, logger: nil, on_event: nil, events: Event::KINDS, delivery_reports: nil, **more)
      raise Unsupported, "a producer can only be made in the main Ractor" if Ractor.current != Ractor.main
      raise InvalidArgument, "on_event: it has no method call" unless on_event.nil? || on_event.respond_to?(:call)

      Config.with({ **properties, **more }) do |config|
        @instrumenter = Instrumenter.new(config.get("client.id"))
        delivery_reports = @instrumenter.listening?(Instrumenter::ACK_MESSAGE) if delivery_reports.nil?
        kinds = Reporter.kinds(logger: logger, handled: on_event ? events : [], delivery_reports: delivery_reports)
        @handle = config.make_producer(Event.mask(kinds))
        @ledger = Ledger.new if kinds.include?(:delivered)
        # A call that waits for room lets other threads run, the reader above all; one that never waits is quicker.
        @calls = config.get("overflow_wait").to_f.zero? ? Native : Native::Blocking
      end
      ObjectSpace.define_finalizer(self, Producer.freeing(@handle))
      source = EventSource.new(@handle)
      reporter = Reporter.new(source: source, ledger: @ledger, instrumenter: @instrumenter, logger: logger,
                              handler: on_event, handled: events)
      @reader = Reader.new(@handle, source: source, reporter: reporter, ledger: @ledger)
    end

    # Queues a message and returns at once.
    #
    # @param value [String, nil] nil is Kafka's null, a tombstone
    # @param headers [Hash, Array, nil] names and values; as pairs where a name comes more than once
    # @param partition [Integer, nil] nil: by partition_key, else by key, else any
    # @param create_time [Time, nil] nil: now
    # @return [nil]
    # @raise [BufferOverflow] there is no room; nothing was queued
    # @raise [ShutDown, MessageTooLarge, InvalidArgument] nothing was queued
    def produce(value, topic:, key: nil, headers: nil, partition: nil, partition_key: nil, create_time: nil)
      prepare(topic)
      enqueue(value, topic, key, headers, partition, partition_key, create_time, @ledger ? @ledger.tag(topic) : 0)
    end

    # As {#produce}; answers a {Delivery} to wait for. Needs delivery_reports.
    #
    # @return [Delivery]
    def produce_async(value, topic:, key: nil, headers: nil, partition: nil, partition_key: nil, create_time: nil)
      raise Unsupported, "produce_async needs a producer made with delivery_reports: true" unless @ledger

      prepare(topic)
      delivery, tag = @ledger.open(topic)
      enqueue(value, topic, key, headers, partition, partition_key, create_time, tag)
      accepted = true
      delivery
    ensure
      @ledger.close(tag) if tag && !accepted
    end

    # Queues many messages of one topic, in order; several times cheaper than one by one.
    #
    # @param values [Array<String, nil>]
    # @param keys [Array<String, nil>, nil] as many as values
    # @return [Integer] how many were taken, from the front; where it is fewer, the next one met an overflow
    # @raise [ShutDown, MessageTooLarge, InvalidArgument] none was taken
    def produce_batch(values, topic:, keys: nil)
      prepare(topic)
      taken = enqueue_batch(topic, *Arguments.columns(values, keys))
      tell_overflow(topic) if taken < values.size
      taken
    end

    # Starts the delivery of what is queued, and returns at once.
    #
    # @return [nil]
    def deliver_messages
      start unless @reader.running?
      check(Native.ap_deliver(@handle), "cannot deliver")
    end

    # Delivers, and waits until every message accepted before the call is settled. It may be interrupted.
    #
    # @param timeout [Numeric, nil] in seconds; nil = no limit
    # @return [nil]
    # @raise [Undelivered] all of it is settled, and some was not delivered
    # @raise [TimedOut] the time was over first; delivery goes on
    def flush(timeout: nil)
      milliseconds = Clock.milliseconds(timeout)
      check(interruptibly { Native::Blocking.ap_flush(@handle, milliseconds) }, "flush")
    end

    # Takes no more messages, delivers what there is, and waits until all of it is settled or the time is over. What is
    # left then is dropped: it comes back in events (drop_messages), and the logger is told.
    #
    # A wait that was interrupted (by Timeout, by Ctrl-C) is taken up by the next call, whose timeout may be earlier.
    #
    # @param timeout [Numeric, nil] in seconds; nil = no limit, 0 = drop now
    # @return [nil]
    def shutdown(timeout: nil)
      shutdown!(timeout: timeout)
    rescue Undelivered
      nil
    end

    # As {#shutdown}, but raises where something was not delivered.
    #
    # @return [nil]
    # @raise [Undelivered]
    def shutdown!(timeout: nil)
      milliseconds = Clock.milliseconds(timeout)
      deadline = timeout && (Clock.now + timeout)
      status = interruptibly { Native::Blocking.ap_shutdown(@handle, milliseconds) }
      @reader.finish(deadline && ([deadline - Clock.now, 0].max + HANDLING_TIME))
      OpenProducers.remove(self)
      check(status, "shutdown")
    end

    # Drops every message that was not handed to Kafka yet; each comes back in an event.
    #
    # @return [Integer] how many
    def clear_buffer
      count = Native::Blocking.ap_clear(@handle)
      check(count, "cannot clear the buffer") if count.negative?
      count
    end

    # How many messages are accepted and not settled, wherever they are.
    def buffer_size
      stats.pending
    end

    # @return [Stats]
    def stats
      Stats.read(@handle)
    end

    # Whether this process used the producer; the child of a fork has not at first.
    def started?
      @reader.started?
    end

    # Without what is inside: properties may be secret.
    def inspect
      "#<#{self.class} #{@instrumenter.client_id}>"
    end

    # Runs when a producer is collected, so it may not hold the producer.
    def self.freeing(handle)
      proc { Native.ap_free(handle) }
    end

    private

    def start
      OpenProducers.add(self) if @reader.start
    end

    # Before anything of the message is noted: what a forked child has noted is forgotten when its reader starts.
    def prepare(topic)
      Arguments.check_topic(topic)
      start unless @reader.running?
    end

    def enqueue(value, topic, key, headers, partition, partition_key, create_time, tag)
      value = value.to_s unless value.nil? || value.is_a?(String)
      key = key.to_s unless key.nil? || key.is_a?(String)
      status =
        if partition || partition_key || create_time || (headers && headers != NO_HEADERS)
          enqueue_record(Arguments.record(topic, value, key, headers, partition, partition_key, create_time, tag))
        else
          @calls.ap_produce(@handle, topic, key, key ? key.bytesize : 0, value, value ? value.bytesize : 0, tag)
        end
      refuse(status, topic) unless status.zero?
      instrument(topic, value, key, create_time) if @instrumenter.hears_produce?
      nil
    end

    def enqueue_record(record)
      count = @calls.ap_produce_packed(@handle, record, record.bytesize)
      return count if count.negative?

      count == 1 ? 0 : OVERFLOW
    end

    def enqueue_batch(topic, values, keys)
      tag = @ledger ? @ledger.tags(topic, values.count) : 0
      taken = @calls.ap_produce_arrays(@handle, topic, keys.bytes, keys.bytesize, keys.sizes, values.bytes,
                                       values.bytesize, values.sizes, values.count, tag)
      taken.negative? ? refuse(taken, topic) : taken
    end

    def refuse(status, topic)
      tell_overflow(topic) if status == OVERFLOW
      raise Error.of(status, "cannot produce to #{topic.inspect}")
    end

    def check(status, what)
      raise Error.of(status, what) unless status.zero?
    end

    def tell_overflow(topic)
      @instrumenter.tell(Instrumenter::BUFFER_OVERFLOW) { { topic: topic } }
    end

    def instrument(topic, value, key, create_time)
      @instrumenter.tell(Instrumenter::ENQUEUE_MESSAGE) do
        stats = self.stats
        { topic: topic, queue_size: stats.queue_size, max_queue_size: stats.max_queue_size }
      end
      @instrumenter.tell(Instrumenter::PRODUCE_MESSAGE) do
        stats = self.stats
        { value: value, key: key, topic: topic, create_time: create_time || Time.now,
          message_size: (key ? key.bytesize : 0) + (value ? value.bytesize : 0),
          buffer_size: stats.buffer_size, max_buffer_size: stats.max_buffer_size }
      end
    end

    # Nothing interrupts a call into C. So another thread makes it, and this one waits for that in Ruby, where Timeout,
    # Thread#raise and Ctrl-C reach it.
    def interruptibly(&call)
      Thread.new(&call).tap { |thread| thread.name = "ap-wait" }.value
    end
  end
end
