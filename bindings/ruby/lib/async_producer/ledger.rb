# frozen_string_literal: true

require_relative "delivery"

module AsyncProducer
  # The tags of messages whose delivery is reported. A report has nothing of its message but the tag, so the tag says
  # the topic (upper bits) and the delivery somebody waits for (lower bits, 0 = nobody). Nothing is kept for a message
  # that nobody waits for.
  class Ledger
    # Together 62 bits: what Ruby keeps in a word.
    DELIVERY_BITS = 40
    DELIVERIES = (1 << DELIVERY_BITS) - 1
    # Topics past this many are not known by their reports: a program that makes topic names up must not grow.
    TOPICS = 1 << 16

    def initialize
      @lock = Mutex.new
      @topics = []
      @numbers = {}
      @deliveries = {}
      @last = 0
    end

    # The tag of a message nobody waits for.
    def tag(topic)
      @numbers[topic] || enter(topic)
    end

    # The tag of the first of some messages nobody waits for; each next one's is one more.
    def tags(topic, count)
      tag = tag(topic)
      @lock.synchronize { tag | take_numbers(count) }
    end

    # Opens a delivery and answers it with its tag.
    def open(topic)
      tag = tag(topic)
      @lock.synchronize do
        number = take_numbers(1)
        [@deliveries[number] = Delivery.new(@lock), tag | number]
      end
    end

    # The delivery of a tag, which is settled now; nil where nobody waits.
    def close(tag)
      number = tag & DELIVERIES
      @deliveries.delete(number) unless number.zero?
    end

    def topic(tag)
      number = tag >> DELIVERY_BITS
      @topics[number - 1] unless number.zero?
    end

    # After a fork: those that wait are in the parent.
    def forget
      @deliveries.clear
    end

    # Settles whatever is left when no report will come any more.
    def abandon
      text = "the producer is shut down, and there is no report of this message"
      event = Event.new(:failed, -11, 0, nil, nil, nil, Time.now, 0.0, 1, 0, :possibly, text)
      @deliveries.shift.last.settle(event) until @deliveries.empty?
    end

    private

    # The first of so many numbers in a row.
    def take_numbers(count)
      first = @last + count > DELIVERIES ? 1 : @last + 1
      @last = first + count - 1
      first
    end

    def enter(topic)
      @lock.synchronize do
        return @numbers[topic] if @numbers[topic]
        return 0 if @topics.size == TOPICS

        name = -topic
        @topics << name
        @numbers[name] = @topics.size << DELIVERY_BITS
      end
    end
  end
end
