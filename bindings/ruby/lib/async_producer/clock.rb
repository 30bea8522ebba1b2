# frozen_string_literal: true

module AsyncProducer
  # Time for deadlines, in seconds.
  module Clock
    def self.now
      Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end

    # The library's milliseconds; nil is no limit. Rounded up: a tiny time is not none.
    def self.milliseconds(seconds)
      return -1 if seconds.nil?
      return (seconds * 1000).ceil if seconds.is_a?(Numeric) && seconds >= 0

      raise InvalidArgument, "timeout: #{seconds.inspect} is not allowed; seconds from 0 on are, and nil for no limit"
    end
  end
end
