# frozen_string_literal: true

# Of the names of ruby-kafka, those that programs with an asynchronous producer use. They are of the same form as
# there, so that ruby-kafka may also be loaded later; nothing is done where it is loaded already.
module Kafka
  unless const_defined?(:Error, false)
    class Error < StandardError
    end

    class ProtocolError < Error
    end

    class MessageSizeTooLarge < ProtocolError
    end

    class BufferOverflow < Error
    end

    class DeliveryFailed < Error
      attr_reader :failed_messages

      def initialize(message, failed_messages)
        @failed_messages = failed_messages
        super(message)
      end
    end
  end

  unless respond_to?(:new)
    def self.new(...)
      AsyncProducer::Kafka.new(...)
    end
  end
end
