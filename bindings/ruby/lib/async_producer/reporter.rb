# frozen_string_literal: true

module AsyncProducer
  # Takes the events of a producer to everybody who wants to know: those who wait for a delivery, the event handler, the
  # subscribers and the logger. What they raise goes to the logger and stops nothing.
  class Reporter
    # What the library is asked for in any case, so that nothing is lost silently.
    ALWAYS = %i[delivery_finished failed retry dropped stalled error].freeze

    DELIVERED = Event.mask([:delivered])
    DROPPED = Event.mask([:dropped])
    # By the level of syslog.
    SEVERITIES = [*[Logger::ERROR] * 4, Logger::WARN, *[Logger::INFO] * 2, Logger::DEBUG].freeze

    # The kinds of events to ask for.
    def self.kinds(logger:, handled:, delivery_reports:)
      kinds = ALWAYS | handled
      kinds |= %i[log] if logger
      kinds |= %i[delivered] if delivery_reports
      kinds
    end

    def initialize(source:, ledger:, instrumenter:, logger:, handler:, handled:)
      @source = source
      @ledger = ledger
      @instrumenter = instrumenter
      @logger = logger
      @handler = handler
      @handled = handled
      forget
    end

    # What was counted and not told yet; after a fork it is the parent's to tell.
    def forget
      @lost = 0
      @lost_messages = []
      @undelivered = 0
      @reason = nil
    end

    # Tells of an entry of the {EventSource}.
    def report(entry)
      case entry[EventSource::TYPE]
      when DELIVERED then report_delivered(entry)
      when DROPPED then report_dropped(entry)
      else report_other(entry)
      end
    end

    # Tells of the messages that one reading of entries found lost.
    def conclude
      return if @lost_messages.empty?

      messages = @lost_messages
      @lost_messages = []
      tell(Instrumenter::DROP_MESSAGES) { { message_count: messages.size, messages: messages } }
    end

    # Says in one line how many were lost since the last time.
    def summarize
      return if @lost.zero?

      text = "#{@lost} #{@lost == 1 ? "message was" : "messages were"} not delivered"
      text += "; the last: #{@reason}" if @reason
      @lost = 0
      @reason = nil
      # Where nobody listens, somebody should hear of it all the same.
      complain(text) if @logger || !wants_drops?
    end

    # After the last event: nobody waits for ever, even where a defect kept a report back.
    def close
      @ledger&.abandon
    end

    private

    def report_delivered(entry)
      delivery = @ledger.close(entry[EventSource::TAG])
      topic = @ledger.topic(entry[EventSource::TAG])
      acknowledge(entry, topic)
      return unless delivery || handles?(:delivered)

      event = @source.event(entry, topic)
      delivery&.settle(event)
      handle(event)
    end

    # A large queue may be dropped as a whole: only counted where nobody wants the messages.
    def report_dropped(entry)
      wants_drops? || @ledger ? report_other(entry) : @lost += 1
    end

    def report_other(entry)
      event = @source.event(entry)
      lose(entry, event) if event.message
      log(event)
      instrument(event)
      handle(event)
    end

    def wants_drops?
      handles?(:dropped) || @instrumenter.listening?(Instrumenter::DROP_MESSAGES)
    end

    def lose(entry, event)
      @lost += 1
      @lost_messages << event.message
      @reason = event.text
      @undelivered += 1
      @ledger&.close(entry[EventSource::TAG])&.settle(event)
    end

    def handles?(kind)
      @handler && @handled.include?(kind)
    end

    def handle(event)
      guard { @handler.call(event) } if handles?(event.kind)
    end

    def log(event)
      return unless @logger

      case event.kind
      when :retry, :stalled then guard { @logger.warn(event.text) }
      when :error then guard { @logger.error(event.text) }
      when :log then guard { @logger.add(SEVERITIES.fetch(event.status, Logger::DEBUG), event.text) }
      end
    end

    def instrument(event)
      case event.kind
      when :failed, :retry then instrument_failure(event)
      when :error, :stalled then tell(Instrumenter::ERROR) { { error: ClientError.new(event.text) } }
      when :delivery_finished then instrument_delivery(event)
      end
    end

    def acknowledge(entry, topic)
      tell(Instrumenter::ACK_MESSAGE) do
        { topic: topic, partition: entry[EventSource::PARTITION], offset: entry[EventSource::OFFSET],
          delay: entry[EventSource::DURATION] / 1e6 }
      end
    end

    def instrument_failure(event)
      tell(Instrumenter::TOPIC_ERROR) { { topic: event.topic, exception: [DeliveryFailed.name, event.text] } }
      tell(Instrumenter::ERROR) { { error: DeliveryFailed.new(event) } }
    end

    # The event does not say how many of a delivery failed; those reported since the last one are taken for them.
    def instrument_delivery(event)
      undelivered = event.status.zero? ? 0 : @undelivered.clamp(1, event.message_count)
      @undelivered = 0
      tell(Instrumenter::DELIVER_MESSAGES) do
        payload = { message_count: event.message_count, delivered_message_count: event.message_count - undelivered,
                    attempts: event.attempt, duration: event.duration }
        payload[:exception] = [DeliveryFailed.name, "#{undelivered} not delivered"] if undelivered.positive?
        payload
      end
    end

    def tell(name, &payload)
      guard { @instrumenter.tell(name, &payload) }
    end

    def guard
      yield
    rescue StandardError, ScriptError => e
      complain("an event handler raised #{e.class}: #{e.message.lines.first&.chomp} (#{e.backtrace&.first})")
    end

    def complain(text)
      @logger ? @logger.error(text) : Kernel.warn("async_producer: #{text}")
    rescue StandardError
      Kernel.warn("async_producer: #{text}")
    end
  end
end
