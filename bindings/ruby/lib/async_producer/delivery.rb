# frozen_string_literal: true

module AsyncProducer
  # What becomes of one message; made by {Producer#produce_async}.
  class Delivery
    def initialize(lock)
      @lock = lock
    end

    # The {Event} that settled the message (:delivered, :failed or :dropped); nil while nothing did.
    attr_reader :event

    def settled?
      !@event.nil?
    end

    def delivered?
      @event&.kind == :delivered
    end

    # Waits until the message is settled and answers the {Event} that says where it is (partition, offset, timestamp).
    # A message nobody sends is not settled: this does not start a delivery.
    #
    # @raise [DeliveryFailed] it was not delivered; the error has the message
    # @raise [TimedOut] the time, in seconds, was over first
    def wait(timeout: nil)
      await(timeout) unless @event
      raise DeliveryFailed, @event unless delivered?

      @event
    end

    # For the reader of events.
    def settle(event)
      @lock.synchronize do
        @event = event
        @settled&.broadcast
      end
    end

    private

    def await(timeout)
      deadline = timeout && (Clock.now + timeout)
      @lock.synchronize do
        until @event
          left = deadline && (deadline - Clock.now)
          raise TimedOut, "the message is not settled after #{timeout} seconds" if left && left <= 0

          (@settled ||= ConditionVariable.new).wait(@lock, left)
        end
      end
    end
  end
end
