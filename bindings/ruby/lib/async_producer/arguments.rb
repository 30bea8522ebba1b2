# frozen_string_literal: true

module AsyncProducer
  # What callers give, in the form the library takes. What is of no use is refused, by name.
  module Arguments
    PARTITIONS = (0..((2**31) - 1)).freeze

    class << self
      def check_topic(topic)
        return if topic.is_a?(String) && !topic.include?("\0")

        refuse("topic", topic, "a String without NUL")
      end

      # A message as a record of ap_produce_packed().
      def record(topic, value, key, headers, partition, partition_key, create_time, tag)
        Record.pack(topic, value, key, headers(headers), partition(partition), partition_key&.to_s,
                    milliseconds(create_time), tag)
      end

      # The values and the keys of a batch.
      def columns(values, keys)
        refuse("values", values, "an Array of Strings") unless values.is_a?(Array)
        unless keys.nil? || (keys.is_a?(Array) && keys.size == values.size)
          refuse("keys", keys, "an Array of as many Strings as there are values")
        end

        [Column.new(values), keys ? Column.new(keys) : Column::NONE]
      end

      private

      def headers(headers)
        return [] if headers.nil?

        refuse("headers", headers, "a Hash or an Array of pairs") unless headers.is_a?(Hash) || pairs?(headers)
        headers.map { |name, value| [header_name(name), value.nil? || value.is_a?(String) ? value : value.to_s] }
      end

      def pairs?(headers)
        headers.is_a?(Array) && headers.all? { |pair| pair.is_a?(Array) && pair.size == 2 }
      end

      def header_name(name)
        name = name.name if name.is_a?(Symbol)
        return name if name.is_a?(String) && !name.include?("\0")

        refuse("headers", name, "a name that is a String without NUL")
      end

      def partition(partition)
        return if partition.nil?

        number = Integer(partition, exception: false)
        PARTITIONS.cover?(number) ? number : refuse("partition", partition, "an Integer from 0 on, or nil,")
      end

      # 0 is the time of the call.
      def milliseconds(time)
        return 0 if time.nil?

        refuse("create_time", time, "a Time, or nil,") unless time.respond_to?(:nsec)
        (time.to_i * 1000) + (time.nsec / 1_000_000)
      end

      def refuse(name, value, needed)
        raise InvalidArgument, "#{name}: #{value.inspect[0, 100]} is not allowed; #{needed} is needed"
      end
    end
  end
end
