# frozen_string_literal: true

module AsyncProducer
  # The counters of a producer since it was made; their meaning is that of ap_stats_t in the header.
  Stats = Struct.new(:accepted, :delivered, :failed, :unknown, :dropped, :overflowed, :retried, :queue_size,
                     :max_queue_size, :buffer_size, :max_buffer_size, :in_flight, :pending_bytes, :max_pending_bytes,
                     :deliveries, :last_delivery_us, :unread_events, :client_resets) do
    def self.read(producer)
      size = 8 * (members.size + 1)
      buffer = FFI::Buffer.new(size).put_uint64(0, size)
      status = Native.ap_stats(producer, buffer)
      raise Error.of(status, "stats") unless status.zero?

      new(*buffer.get_bytes(8, size - 8).unpack("Q*"))
    end

    # Messages accepted and not settled, wherever they are.
    def pending
      queue_size + buffer_size
    end
  end
end
