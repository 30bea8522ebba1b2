#!/usr/bin/env ruby
# frozen_string_literal: true

# The steps of tests/conformance, through this binding.
#
#     BROKERS=host:port TOPIC=prefix ruby -Ilib conformance.rb

require "async_producer"

BROKERS = ENV.fetch("BROKERS")
TOPIC = ENV.fetch("TOPIC")
LIMIT = 60

A = { "bootstrap.servers" => "127.0.0.1:1", "max_queue_size" => 10, "max_buffer_size" => 5 }.freeze
B = { "bootstrap.servers" => BROKERS }.freeze
C = { **B, "max_queue_size" => 1000, "delivery_threshold" => 100, "delivery_interval" => 0.1 }.freeze

SETTLEMENTS = %i[delivered failed dropped].freeze

# The events of a producer that end messages, to wait for.
class Settlements
  def initialize
    @events = []
    @lock = Mutex.new
    @changed = ConditionVariable.new
  end

  def call(event)
    @lock.synchronize do
      @events << event
      @changed.broadcast
    end
  end

  def of(kind)
    @lock.synchronize { @events.select { |event| event.kind == kind } }
  end

  def count
    @lock.synchronize { @events.size }
  end

  def wait_for(count)
    deadline = AsyncProducer::Clock.now + LIMIT
    @lock.synchronize do
      while @events.size < count
        left = deadline - AsyncProducer::Clock.now
        raise "#{@events.size} of #{count} settlements within #{LIMIT} seconds" if left <= 0

        @changed.wait(@lock, left)
      end
    end
  end
end

# A producer and its settlements.
def make(properties)
  settlements = Settlements.new
  producer = AsyncProducer.new(properties, delivery_reports: true, on_event: settlements, events: SETTLEMENTS)
  [producer, settlements]
end

# The name of the status a call ends with.
def status
  yield
  "AP_OK"
rescue AsyncProducer::Error => e
  e.status_name
end

def refusal(property, properties)
  AsyncProducer.new(properties)
  "AP_OK no"
rescue AsyncProducer::Error => e
  "#{e.status_name} #{e.message.include?(property) ? "yes" : "no"}"
end

def print_line(*words)
  puts words.join(" ")
  $stdout.flush
end

def number(value)
  value[/\d+/].to_i
end

def settings
  version = AsyncProducer::Native.ap_version
  print_line "version", "#{version >> 16}.#{(version >> 8) & 0xFF}"
  print_line "unknown", refusal("no.such.property", B.merge("no.such.property" => "1"))
  print_line "range", refusal("max_queue_size", B.merge("max_queue_size" => "0"))
  print_line "missing", refusal("bootstrap.servers", {})
end

def limits
  producer, settlements = make(A)
  print_line "topic", (status { producer.produce("value", topic: "bad topic") })
  print_line "large", (status { producer.produce("x" * 2_000_000, topic: "nowhere") })
  accepted = 0
  refused = status { loop { producer.produce("value-#{accepted}", topic: "nowhere").then { accepted += 1 } } }
  print_line "overflow", "accepted=#{accepted}", refused
  ended = status { producer.shutdown!(timeout: 0) }
  values = (settlements.of(:dropped) + settlements.of(:failed)).map { |event| event.message.value }
  first, last = values.minmax_by { |value| number(value) }
  print_line "drop", ended, "dropped=#{settlements.of(:dropped).size}", "failed=#{settlements.of(:failed).size}",
             "values=#{first}..#{last}"
  print_line "closed", (status { producer.produce("value", topic: "nowhere") })
end

def clear
  producer, settlements = make(A)
  3.times { |index| producer.produce("value-#{index}", topic: "nowhere") }
  cleared = producer.clear_buffer
  settlements.wait_for(cleared)
  print_line "clear", "cleared=#{cleared}", "dropped=#{settlements.of(:dropped).size}",
             "flush=#{status { producer.flush(timeout: 0) }}"
  producer.shutdown(timeout: 0)
end

def threshold
  producer, settlements = make(B.merge("delivery_threshold" => 5))
  4.times { |index| producer.produce("threshold-#{index}", topic: "#{TOPIC}-policy") }
  before = producer.stats.delivered
  producer.produce("threshold-4", topic: "#{TOPIC}-policy")
  settlements.wait_for(5)
  producer.shutdown
  print_line "threshold", "before=#{before}", "delivered=#{settlements.of(:delivered).size}"
end

def interval
  producer, settlements = make(B.merge("delivery_interval" => 0.1))
  3.times { |index| producer.produce("interval-#{index}", topic: "#{TOPIC}-policy") }
  settlements.wait_for(3)
  producer.shutdown
  print_line "interval", "delivered=#{settlements.of(:delivered).size}"
end

def manual
  producer, settlements = make(B)
  3.times { |index| producer.produce("manual-#{index}", topic: "#{TOPIC}-policy") }
  before = producer.stats.delivered
  producer.deliver_messages
  settlements.wait_for(3)
  producer.shutdown
  print_line "manual", "before=#{before}", "delivered=#{settlements.of(:delivered).size}"
end

def time(milliseconds)
  Time.at(0, milliseconds, :millisecond)
end

def records
  producer, = make(B)
  topic = "#{TOPIC}-records"
  headers = [%w[h1 v1], ["h2", nil], ["h3", ""], %w[h1 again]]
  deliveries = [
    producer.produce_async("a", topic: topic, create_time: time(1_700_000_000_001)),
    producer.produce_async(nil, topic: topic, key: "k", create_time: time(1_700_000_000_002)),
    producer.produce_async("", topic: topic, key: "", partition: 0, create_time: time(1_700_000_000_003)),
    producer.produce_async("d", topic: topic, key: "k", partition_key: "other", headers: headers,
                                create_time: time(1_700_000_000_123))
  ]
  flushed = status { producer.flush }
  reports = deliveries.map { |delivery| delivery.wait(timeout: LIMIT) }
  print_line "records", "flush=#{flushed}",
             "reports=#{reports.map { |report| "#{report.partition}:#{report.offset}" }.join(",")}",
             "shutdown=#{status { producer.shutdown! }}"
end

def batch
  producer, = make(B.merge("max_queue_size" => 5000))
  numbers = (0...1000).to_a
  taken = producer.produce_batch(numbers.map { |index| "batch-#{index}" }, topic: "#{TOPIC}-batch",
                                                                           keys: numbers.map { |index| "k-#{index}" })
  print_line "batch", "taken=#{taken}", "flush=#{status { producer.flush }}"
  producer.shutdown
end

def keys
  producer, = make(B)
  deliveries = Array.new(100) do |index|
    producer.produce_async("key-#{index}", topic: "#{TOPIC}-keys", key: "key-#{index}")
  end
  producer.flush
  print_line "keys", deliveries.map { |delivery| delivery.wait(timeout: LIMIT).partition }.join
  producer.shutdown
end

def forked
  producer, = make(B)
  3.times { |index| producer.produce("parent-#{index}", topic: "#{TOPIC}-fork") }
  child = fork do
    2.times { |index| producer.produce("child-#{index}", topic: "#{TOPIC}-fork") }
    exit!(status { producer.flush } == "AP_OK")
  end
  code = Process.wait2(child).last.exitstatus
  flushed = status { producer.flush }
  producer.shutdown
  print_line "fork", "child=#{code}", "parent=#{flushed}", "delivered=#{producer.stats.delivered}"
end

# Whether it was ever refused. The settlements are counted before the call: room made in between is not missed.
def produce_with_patience(producer, settlements, value, topic)
  seen = settlements.count
  refused ||= false
  producer.produce(value, topic: topic)
  refused
rescue AsyncProducer::BufferOverflow
  refused = true
  settlements.wait_for(seen + 1)
  retry
end

def bulk
  producer, settlements = make(C)
  refused = (0...100_000).count do |index|
    produce_with_patience(producer, settlements, format("message-%06d", index), "#{TOPIC}-bulk")
  end
  ended = status { producer.shutdown! }
  failed = settlements.of(:failed).size + settlements.of(:dropped).size
  print_line "bulk", "delivered=#{settlements.of(:delivered).size}", "failed=#{failed}",
             "refused=#{refused.positive? ? "yes" : "no"}", "shutdown=#{ended}", "accepted=#{producer.stats.accepted}"
end

settings
limits
clear
threshold
interval
manual
records
batch
keys
forked
bulk
