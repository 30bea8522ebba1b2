# frozen_string_literal: true

module AsyncProducer
  # Where the shared library is, and whether it is one that this gem can use.
  module Library
    # Names the file to load; nothing else is tried then.
    VARIABLE = "ASYNC_PRODUCER_LIBRARY"
    SONAME = "libasync_producer.so.0"
    BUNDLED = File.join(__dir__, SONAME)

    # The library cannot be loaded, or is of another version.
    class LoadError < ::LoadError
    end

    class << self
      # Loads the library into a module that is extended with FFI::Library.
      def load(into)
        tried = candidates.map do |candidate|
          into.ffi_lib(candidate)
          return candidate
        rescue ::LoadError => e
          "#{candidate} (#{e.message.lines.first&.chomp})"
        end
        raise LoadError, "the library async_producer cannot be loaded; tried #{tried.join(" and ")}. Install it, or " \
                         "set #{VARIABLE} to the path of its file"
      end

      # The versions of gem and library go together: the same major and minor, and a patch that is not older.
      def check(number)
        found = [number >> 16, (number >> 8) & 0xFF, number & 0xFF]
        needed = VERSION.split(".").map(&:to_i)
        return if found.first(2) == needed.first(2) && found.last >= needed.last

        raise LoadError, "the library is version #{found.join(".")}; this gem needs #{needed.first(2).join(".")}.x, " \
                         "at least #{VERSION}"
      end

      private

      def candidates
        named = ENV.fetch(VARIABLE, "")
        return [named] unless named.empty?

        [(BUNDLED if File.exist?(BUNDLED)), SONAME].compact
      end
    end
  end
end
