#!/usr/bin/env ruby
# frozen_string_literal: true

# What a message costs its caller, in nanoseconds of its thread's CPU time: the mean of many calls into a large queue
# that nothing leaves, the best of some rounds.
#
#     ruby -Ilib bench.rb [messages a round]

require "async_producer"

MESSAGES = Integer(ARGV.fetch(0, 500_000))
ROUNDS = 5
BATCH = 100
VALUE = ("x" * 100).freeze
KEY = "customer-4711"
HEADERS = { "trace" => "0af7651916cd43dd8448eb211c80319c" }.freeze
VALUES = Array.new(BATCH, VALUE).freeze
KEYS = Array.new(BATCH, KEY).freeze

def producer(**options)
  AsyncProducer.new("bootstrap.servers" => "127.0.0.1:1", max_queue_size: MESSAGES, max_buffer_size: 1,
                    max_pending_bytes: 0, logger: Logger.new(nil), **options)
end

def now
  Process.clock_gettime(Process::CLOCK_THREAD_CPUTIME_ID, :nanosecond)
end

def measure(name, each: 1, **options)
  producer = producer(**options)
  times = Array.new(ROUNDS + 1) do
    GC.start
    start = now
    (MESSAGES / each).times { yield producer }
    time = now - start
    producer.clear_buffer
    # The places of dropped messages are free when their events are read.
    Thread.pass until producer.buffer_size.zero?
    time
  end
  producer.shutdown(timeout: 0)
  puts format("%-30s %6d ns a message", name, times.drop(1).min / MESSAGES)
end

measure("produce") { |producer| producer.produce(VALUE, topic: "bench") }
measure("produce with a key") { |producer| producer.produce(VALUE, topic: "bench", key: KEY) }
measure("produce with a key and a header") do |producer|
  producer.produce(VALUE, topic: "bench", key: KEY, headers: HEADERS)
end
measure("produce_async", delivery_reports: true) { |producer| producer.produce_async(VALUE, topic: "bench", key: KEY) }
measure("produce_batch of 100", each: BATCH) { |producer| producer.produce_batch(VALUES, topic: "bench") }
measure("produce_batch of 100 with keys", each: BATCH) do |producer|
  producer.produce_batch(VALUES, topic: "bench", keys: KEYS)
end
