# frozen_string_literal: true

module AsyncProducer
  # Takes the place of ActiveSupport::Notifications in a program without it, for those who subscribe and for the
  # producers that tell; the two have the same form.
  class Notifications
    Event = Struct.new(:name, :time, :end, :transaction_id, :payload) do
      # In milliseconds, as ActiveSupport has it.
      def duration
        1000.0 * (self.end - time)
      end
    end

    def initialize
      @lock = Mutex.new
      @subscriptions = []
      @listening = {}
    end

    # Calls the block for each event whose name the pattern matches (a String, a Regexp, nil for all): with an {Event}
    # where it takes one argument, else with name, start, end, id and payload. Answers what {#unsubscribe} takes.
    def subscribe(pattern = nil, callable = nil, &block)
      listener = callable || block
      listener = listener.method(:call) unless listener.respond_to?(:arity)
      subscription = [pattern, listener].freeze
      change { @subscriptions += [subscription] }
      subscription
    end

    def unsubscribe(subscription)
      change { @subscriptions -= [subscription] }
    end

    # Whether anybody would hear of it.
    def listening?(name)
      @listening.fetch(name) { listen(name) }
    end

    def instrument(name, payload = {})
      listeners = matching(name)
      started = Time.now
      result = yield payload if block_given?
      event = Event.new(name, started, Time.now, nil, payload)
      listeners.each { |listener| listener.arity == 1 ? listener.call(event) : listener.call(*event) }
      result
    end

    private

    # The answers of {#listening?} are remembered until somebody comes or goes.
    def change
      @lock.synchronize do
        yield
        @listening = {}
      end
    end

    def listen(name)
      @lock.synchronize { @listening[name] = !matching(name).empty? }
    end

    def matching(name)
      @subscriptions.filter_map { |pattern, listener| listener if pattern.nil? || pattern === name }
    end
  end
end
