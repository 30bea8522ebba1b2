# frozen_string_literal: true

module AsyncProducer
  # Is in every error of this library: `rescue AsyncProducer::Error` takes them all.
  #
  # It is a module so that an error can at the same time be what programs rescue already: an ArgumentError, or
  # ruby-kafka's class where that is loaded.
  module Error
    # ruby-kafka's class of that name where there is one.
    def self.kafka(name)
      defined?(::Kafka::Error) && ::Kafka.const_defined?(name, false) ? ::Kafka.const_get(name, false) : StandardError
    end

    # The class of a status.
    def self.class_of(status)
      STATUSES.fetch(status, InternalError)
    end

    # The error of a status, with the library's sentence for it.
    def self.of(status, what)
      class_of(status).new("#{what}: #{Native.ap_status_message(status)}")
    end

    # The number of the library's status, such as -2.
    def status
      STATUSES.key(self.class)
    end

    # Its name, such as "AP_ERR_BUFFER_OVERFLOW".
    def status_name
      Native.ap_status_name(status)
    end
  end

  # An argument is not allowed. Nothing was done.
  class InvalidArgument < ArgumentError
    include Error
  end

  # The limit of messages or of bytes is reached. Nothing was queued.
  class BufferOverflow < Error.kafka(:BufferOverflow)
    include Error
  end

  # The message is larger than `message.max.bytes`, or can never fit in `max_pending_bytes`. Nothing was queued.
  class MessageTooLarge < Error.kafka(:MessageSizeTooLarge)
    include Error
  end

  # The producer is being shut down, or is.
  class ShutDown < Error.kafka(:Error)
    include Error
  end

  # The time passed first.
  class TimedOut < Error.kafka(:Error)
    include Error
  end

  # An unknown property, a value that is not allowed, or properties that contradict each other.
  class ConfigError < ArgumentError
    include Error
  end

  # The Kafka client or a thread of the library could not be started, or the client has trouble.
  class ClientError < Error.kafka(:Error)
    include Error
  end

  # A flush or shutdown ended with messages that were not delivered; each was reported.
  class Undelivered < Error.kafka(:Error)
    include Error
  end

  # A blocking call where it could never return.
  class WouldDeadlock < Error.kafka(:Error)
    include Error
  end

  # Memory could not be allocated.
  class NoMemory < Error.kafka(:Error)
    include Error
  end

  # A defect of the library was contained; the producer refuses further work.
  class InternalError < Error.kafka(:Error)
    include Error
  end

  # Not available in this build of the library.
  class Unsupported < Error.kafka(:Error)
    include Error
  end

  # A message, or a delivery of some, was not delivered.
  class DeliveryFailed < Error.kafka(:DeliveryFailed)
    include Error

    # The {Event} that told of it: its status, Kafka's error, what is known of the broker's log.
    attr_reader :event
    # The messages that came back, as ruby-kafka names them; empty where they will be tried again.
    attr_reader :failed_messages

    def initialize(event)
      @event = event
      @failed_messages = [event.message].compact
      # ruby-kafka's class takes the messages too.
      self.class.superclass == StandardError ? super(event.text) : super(event.text, @failed_messages)
    end

    def status
      @event.status
    end
  end

  module Error
    STATUSES = {
      -1 => InvalidArgument, -2 => BufferOverflow, -3 => MessageTooLarge, -4 => ShutDown, -5 => TimedOut,
      -6 => ConfigError, -7 => ClientError, -8 => Undelivered, -9 => WouldDeadlock, -10 => NoMemory,
      -11 => InternalError, -12 => Unsupported
    }.freeze
    private_constant :STATUSES
  end
end
