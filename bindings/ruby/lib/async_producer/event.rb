# frozen_string_literal: true

module AsyncProducer
  # Something that happened, as the reader of a producer tells it. A field that its kind does not speak of is nil or 0.
  #
  # kind::          a symbol of {KINDS}
  # status::        the number of the library's status; for :log the syslog level of the line
  # kafka_error::   librdkafka's error code (negative: its own, positive: the broker's), 0 = none
  # topic, partition, offset::  where, as far as it is known
  # timestamp::     a Time: the message's, else that of the event
  # duration::      in seconds: since {Producer#produce} (:delivered), of the delivery (:delivery_finished), of the
  #                 pause before the next attempt (:retry)
  # message_count:: how many messages, or how many coalesced occurrences
  # attempt::       how many attempts were made
  # persistence::   what is known of the broker's log: :no, :possibly or :yes
  # text::          one line for a person
  # message::       the {Message} that came back (:failed, :dropped)
  # statistics::    librdkafka's statistics as JSON (:stats)
  Event = Struct.new(:kind, :status, :kafka_error, :topic, :partition, :offset, :timestamp, :duration, :message_count,
                     :attempt, :persistence, :text, :message, :statistics) do
    def status_name
      Native.ap_status_name(status)
    end
  end

  class Event
    # The kinds, in the order of their bits.
    KINDS = %i[enqueued buffer_overflow delivery_started delivery_finished delivered failed retry dropped stalled error
               log stats].freeze
    PERSISTENCE = %i[no possibly yes].freeze

    # The kind of a type's bit.
    BY_BIT = KINDS.each_with_index.to_h { |kind, index| [1 << index, kind] }.freeze

    # The mask of some kinds.
    def self.mask(kinds)
      kinds.sum do |kind|
        BY_BIT.key(kind) or
          raise InvalidArgument, "events: #{kind.inspect} is no kind of event; #{KINDS.join(", ")} are"
      end
    end
  end
end
