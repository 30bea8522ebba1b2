# frozen_string_literal: true

module AsyncProducer
  # The properties of a producer on their way into the library, which checks them.
  class Config
    # The library's own; all others are librdkafka's, whose names have dots.
    OWN = %w[max_queue_size max_buffer_size max_buffer_bytesize delivery_threshold delivery_interval max_retries
             retry_backoff max_pending_bytes overflow_wait event_mode stall_report_interval partitioner].freeze
    ERROR_SIZE = 1024

    # Yields a configuration with the properties set, and frees it.
    def self.with(properties)
      config = new
      config.set("event_mode", "poll")
      properties.each do |key, value|
        raise ConfigError, "event_mode: the gem reads the events, so it is always poll" if key.to_s == "event_mode"

        config.set(key, value)
      end
      yield config
    ensure
      config&.free
    end

    def initialize
      @handle = Native.ap_config_new
      raise NoMemory, "a configuration cannot be made" if @handle.zero?

      @error = FFI::Buffer.new(ERROR_SIZE)
    end

    # A key that is a Symbol may have underscores for dots: bootstrap_servers is bootstrap.servers. nil leaves a
    # property at its default.
    def set(key, value)
      return if value.nil?

      name = name(key)
      status = Native.ap_config_set(@handle, text(key, name), text(key, value), @error, ERROR_SIZE)
      refuse(status, key, name) unless status.zero?
    end

    # The value a property has now.
    def get(key)
      value = FFI::Buffer.new(ERROR_SIZE)
      status = Native.ap_config_get(@handle, key, value, FFI::Buffer.new(:size_t).put_uint64(0, ERROR_SIZE))
      status.zero? ? value.get_string(0).force_encoding(Encoding::UTF_8) : refuse(status, key)
    end

    # The handle of a producer that reports the events of the mask.
    def make_producer(event_mask)
      status = Native.ap_config_set_event_callback(@handle, event_mask, nil, nil, nil)
      refuse(status, "events") unless status.zero?
      handle = FFI::Buffer.new(:size_t)
      status = Native.ap_new(@handle, handle, @error, ERROR_SIZE)
      refuse(status, "the producer") unless status.zero?
      handle.get_uint64(0)
    end

    def free
      Native.ap_config_free(@handle)
    end

    private

    def name(key)
      return key.to_s unless key.is_a?(Symbol)

      OWN.include?(key.name) ? key.name : key.name.tr("_", ".")
    end

    def text(key, value)
      text = value.is_a?(Array) ? value.join(",") : value.to_s
      return text unless text.include?("\0")

      raise ConfigError, "#{key}: a NUL byte is not allowed"
    end

    # The library names a property in its own way, the caller knows it as he wrote it.
    def refuse(status, what, name = what)
      text = @error.get_string(0).force_encoding(Encoding::UTF_8)
      raise text.empty? ? Error.of(status, what) : Error.class_of(status).new(text.sub(name, what.to_s))
    end
  end
end
