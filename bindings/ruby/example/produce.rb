#!/usr/bin/env ruby
# frozen_string_literal: true

# Sends messages as fast as they can be taken, and ends cleanly.
#
#     [BROKERS=host:port,...] ruby -I../lib produce.rb [messages] [topic]
#
# Without BROKERS they go to a mock cluster inside the process. Ctrl-C ends the sending and waits until what was
# accepted is delivered; a second one drops what is left. Exit codes: 0, 1 = messages were lost, 130 = Ctrl-C.

require "async_producer"

messages = Integer(ARGV.fetch(0, 100_000))
topic = ARGV.fetch(1, "example")
brokers = ENV.fetch("BROKERS", "")
cluster = brokers.empty? ? { "test.mock.num.brokers" => 1 } : { "bootstrap.servers" => brokers }

producer = AsyncProducer.new(
  cluster,
  delivery_threshold: 1000, # deliver at 1000 messages,
  delivery_interval: 0.5,   # and twice a second
  max_queue_size: 10_000,
  max_buffer_size: 10_000,
  overflow_wait: 0.1,       # a full queue makes produce wait, for so many seconds
  logger: Logger.new($stderr, level: Logger::WARN)
)

interrupted = false
start = Process.clock_gettime(Process::CLOCK_MONOTONIC)
begin
  messages.times do |number|
    producer.produce("message #{number}", topic: topic)
  rescue AsyncProducer::BufferOverflow
    retry # no room within that time: a program may as well drop the message, or stop taking work
  end
rescue Interrupt
  interrupted = true
end

begin
  producer.shutdown
rescue Interrupt
  interrupted = true
  producer.shutdown(timeout: 0)
end

stats = producer.stats
lost = stats.accepted - stats.delivered
puts format("%<accepted>d accepted, %<delivered>d delivered, %<lost>d lost, %<refused>d times no room; %<time>.1f s",
            accepted: stats.accepted, delivered: stats.delivered, lost: lost, refused: stats.overflowed,
            time: Process.clock_gettime(Process::CLOCK_MONOTONIC) - start)
exit(130) if interrupted
exit(1) if lost.positive?
