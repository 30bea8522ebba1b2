# frozen_string_literal: true

module AsyncProducer
  # The producers with messages that were not shut down: kept until they are, even where the program forgets them.
  module OpenProducers
    @producers = {}.compare_by_identity

    class << self
      def add(producer)
        @producers[producer] = true
      end

      def remove(producer)
        @producers.delete(producer)
      end

      # At the end of the process: what is left is dropped and told of, rather than gone without a word. Those a child
      # only inherited are the parent's to end.
      def shut_down
        @producers.keys.each do |producer|
          producer.shutdown(timeout: 0) if producer.started?
        rescue Error => e
          warn "async_producer: #{e.message}"
        end
      end
    end
  end

  at_exit { OpenProducers.shut_down }
end
