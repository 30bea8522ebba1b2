# frozen_string_literal: true

require_relative "notifications"

module AsyncProducer
  @notifications = Notifications.new

  # Where producers tell what happens: ActiveSupport::Notifications in a program that has it, else a {Notifications}.
  #
  #     AsyncProducer.instrumenter.subscribe("drop_messages.async_producer.kafka") { |event| p event.payload }
  def self.instrumenter
    defined?(::ActiveSupport::Notifications) ? ::ActiveSupport::Notifications : @notifications
  end

  # Tells subscribers what happens to one producer, under ruby-kafka's names.
  class Instrumenter
    ENQUEUE_MESSAGE = "enqueue_message.async_producer.kafka"
    BUFFER_OVERFLOW = "buffer_overflow.async_producer.kafka"
    DROP_MESSAGES = "drop_messages.async_producer.kafka"
    ERROR = "error.async_producer.kafka"
    PRODUCE_MESSAGE = "produce_message.producer.kafka"
    DELIVER_MESSAGES = "deliver_messages.producer.kafka"
    ACK_MESSAGE = "ack_message.producer.kafka"
    TOPIC_ERROR = "topic_error.producer.kafka"

    attr_reader :client_id

    def initialize(client_id)
      @client_id = client_id
      @backend = AsyncProducer.instrumenter
      @switchboard = @backend.respond_to?(:notifier) ? @backend.notifier : @backend
    end

    def listening?(name)
      @switchboard.listening?(name)
    end

    # Whether anybody listens to what {Producer#produce} tells; in one call, since it is asked for every message.
    def hears_produce?
      @switchboard.listening?(ENQUEUE_MESSAGE) || @switchboard.listening?(PRODUCE_MESSAGE)
    end

    # The block makes the payload, where anybody listens.
    def tell(name)
      @backend.instrument(name, { client_id: @client_id, **yield }) if listening?(name)
    end
  end
end
