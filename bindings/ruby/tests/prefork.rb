# frozen_string_literal: true

# A server that forks its workers, against a real Kafka: `prefork.rb BROKERS TOPIC`, run by prefork_test.rb.
#
# The parent makes a producer and sends with it before, while and after eight workers are forked. Each worker goes on with
# the inherited one, from three threads, and makes another of its own. Every message is `who:number`. What is printed: who
# sent how many, when each worker began to end, and when it was gone.

require "async_producer"

EACH = 200
LIMIT = 60

BROKERS, TOPIC = ARGV

# In one piece: several processes write at the same time.
def say(*words)
  $stdout.syswrite("#{words.join(" ")}\n")
end

def now
  Process.clock_gettime(Process::CLOCK_MONOTONIC, :nanosecond)
end

def make
  AsyncProducer.new("bootstrap.servers" => BROKERS, delivery_threshold: 50, overflow_wait: LIMIT,
                    delivery_reports: true, logger: Logger.new(nil), on_event: method(:lost), events: %i[failed dropped])
end

def lost(event)
  say("lost", Process.pid, event.message.value)
end

def send_messages(producer, who)
  deliveries = Array.new(EACH) { |number| producer.produce_async("#{who}:#{number}", topic: TOPIC) }
  say("sent", who, EACH)
  deliveries
end

def work(producer, who)
  threads = Array.new(3) { |thread| Thread.new { send_messages(producer, "#{who}-#{thread}") } }
  own = make
  send_messages(own, "#{who}-own")
  own.shutdown!(timeout: LIMIT)
  threads.flat_map(&:value)
end

def settle(producer, deliveries)
  producer.flush(timeout: LIMIT)
  deliveries.each { |delivery| delivery.wait(timeout: LIMIT) }
end

# A worker's last word, and its end.
def leave(way)
  say("ends", Process.pid, now)
  case way
  when :exit, :at_exit then exit
  when :exit! then exit!
  when :raise then raise "the worker ends by an exception"
  when :term, :killed then Process.kill(:TERM, Process.pid) && sleep
  end
end

def fork_worker(producer, number, way)
  fork do
    $stderr.reopen(File::NULL)
    # As Puma and Unicorn do; killed is one that has no trap, and dies of the signal.
    trap(:TERM) { exit } if way == :term
    trap(:TERM, "SYSTEM_DEFAULT") if way == :killed
    deliveries = work(producer, "#{way}-#{number}")
    if %i[at_exit term raise].include?(way)
      at_exit { producer.shutdown!(timeout: LIMIT) }
    else
      settle(producer, deliveries)
    end
    leave(way)
  end
end

parents = make
send_messages(parents, "before")
over = false
meanwhile = Thread.new do
  count = 0
  until over
    parents.produce("while:#{count}", topic: TOPIC)
    count += 1
    sleep 0.001
  end
  say("sent", "while", count)
end

%i[return exit exit! at_exit term killed raise return].each_with_index { |way, number| fork_worker(parents, number, way) }
8.times { say("ended", Process.wait, now) }
over = true
meanwhile.join
settle(parents, send_messages(parents, "after"))
parents.shutdown!(timeout: LIMIT)
abort "#{parents.stats.accepted} accepted" unless parents.stats.accepted == parents.stats.delivered
