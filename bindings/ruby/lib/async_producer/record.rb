# frozen_string_literal: true

module AsyncProducer
  # The packed form of a message: what ap_produce_packed() reads and ap_event_message() writes.
  module Record
    NO_PARTITION = -1
    NULL = -1

    # size, topic_len, partition, key_len, value_len, partition_key_len, timestamp_ms, tag, header_count, reserved
    FIXED = "L<2l<4q<Q<L<2"
    FIXED_SIZE = 48
    # topic, NUL, key, value, partition key
    BODY = "a*xa*a*a*"
    # name_len, value_len
    HEADER = "L<l<"
    HEADER_SIZE = 8
    # name, NUL, value
    HEADER_BODY = "a*xa*"

    # The whole, by the number of headers.
    FORMATS = Hash.new { |formats, count| formats[count] = FIXED + BODY + ((HEADER + HEADER_BODY) * count) }

    class << self
      # The arguments are what {Arguments} has made of them; headers are pairs.
      def pack(topic, value, key, headers, partition, partition_key, milliseconds, tag)
        size = FIXED_SIZE + topic.bytesize + 1
        size += key.bytesize if key
        size += value.bytesize if value
        size += partition_key.bytesize if partition_key
        fields = [0, topic.bytesize, partition || NO_PARTITION, length(key), length(value), length(partition_key),
                  milliseconds, tag, headers.size, 0, topic, key, value, partition_key]
        headers.each do |name, content|
          size += HEADER_SIZE + name.bytesize + 1
          size += content.bytesize if content
          fields.push(name.bytesize, length(content), name, content)
        end
        fields[0] = size
        fields.pack(FORMATS[headers.size])
      end

      # The {Message} of a record.
      def unpack(record)
        _, topic, partition, key, value, partition_key, time, _, headers, = record.unpack(FIXED)
        rest = Rest.new(record, FIXED_SIZE)
        topic = rest.name(topic)
        key = rest.bytes(key)
        value = rest.bytes(value)
        partition_key = rest.bytes(partition_key)
        Message.new(topic, value, key, Array.new(headers) { rest.header },
                    (partition unless partition == NO_PARTITION), partition_key,
                    (Time.at(0, time, :millisecond) unless time.zero?))
      end

      private

      def length(bytes)
        bytes ? bytes.bytesize : NULL
      end
    end

    # What comes after the fixed part, taken from its front.
    class Rest
      def initialize(record, offset)
        @record = record
        @offset = offset
      end

      # Text, which a NUL follows.
      def name(size)
        name = bytes(size).force_encoding(Encoding::UTF_8)
        @offset += 1
        name
      end

      def bytes(size)
        return if size == NULL

        @offset += size
        @record.byteslice(@offset - size, size)
      end

      def header
        name_size, value_size = @record.unpack(HEADER, offset: @offset)
        @offset += HEADER_SIZE
        [name(name_size), bytes(value_size)]
      end
    end
    private_constant :Rest
  end
end
