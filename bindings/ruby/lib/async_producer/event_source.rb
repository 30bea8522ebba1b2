# frozen_string_literal: true

module AsyncProducer
  # Reads the events of a producer. Read by one thread at a time: what an entry stands for can be looked up until the
  # next reading.
  class EventSource
    # Entries of one reading.
    MOST = 256

    ENTRY_SIZE = 64
    # The fields of ap_event_entry_t.
    ENTRY = "QQqqQLl3LS2"
    ID, TAG, OFFSET, TIMESTAMP, DURATION, TYPE, STATUS, KAFKA_ERROR, PARTITION, COUNT, ATTEMPT, PERSISTENCE = *0..11

    WITH_MESSAGE = %i[failed dropped].freeze

    def initialize(producer)
      @producer = producer
      @entries = FFI::MemoryPointer.new(ENTRY_SIZE, MOST)
      @space = FFI::MemoryPointer.new(1024)
    end

    # The entries that wait, {MOST} at the most: an array of the fields of each.
    def read
      count = Native.ap_poll_events(@producer, 0, @entries, ENTRY_SIZE, MOST)
      raise Error.of(count, "the events cannot be read") if count.negative?

      bytes = @entries.get_bytes(0, count * ENTRY_SIZE)
      Array.new(count) { |index| bytes.unpack(ENTRY, offset: index * ENTRY_SIZE) }
    end

    # An entry as an {Event}.
    def event(entry, topic = nil)
      id, _, offset, timestamp, duration, type, status, kafka_error, partition, count, attempt, persistence = entry
      event = Event.new(Event::BY_BIT[type], status, kafka_error, topic, known(partition), known(offset),
                        Time.at(0, timestamp, :millisecond), duration / 1e6, count, attempt,
                        Event::PERSISTENCE[persistence])
      look_up(event, id) unless id.zero?
      event
    end

    private

    def known(number)
      number unless number.negative?
    end

    def look_up(event, id)
      event.text = fetch { |space, size| Native.ap_event_text(@producer, id, space, size) }
      event.text.force_encoding(Encoding::UTF_8)
      about = Record.unpack(fetch { |space, size| Native.ap_event_message(@producer, id, space, size) })
      event.topic = about.topic unless about.topic.empty?
      event.message = about if WITH_MESSAGE.include?(event.kind)
      event.statistics = about.value.force_encoding(Encoding::UTF_8) if event.kind == :stats
    end

    # What a function writes, in a space that is large enough for it and for a NUL behind it.
    def fetch
      size = yield @space, @space.size
      if size >= @space.size
        @space = FFI::MemoryPointer.new(size + 1)
        size = yield @space, @space.size
      end
      raise Error.of(size, "an event cannot be looked up") if size.negative?

      @space.get_bytes(0, size)
    end
  end
end
