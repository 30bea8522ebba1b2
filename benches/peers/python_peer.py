"""A peer in Python, with the options and the output of peer.h.

python_peer.py confluent_kafka|async_producer key=value ...
"""

import json
import os
import resource
import sys
import time
from types import SimpleNamespace

DEFAULTS = {"bootstrap": "127.0.0.1:9092", "topic": "bench", "payload": "", "compression": "none"}
DEFAULTS |= {"messages": 100000, "size": 100, "threads": 1, "rate": 0, "linger": 5, "queue": 100000}
DEFAULTS |= {"calls": 0, "latency": 0, "wait": 1, "call": "produce", "batch": 100}


class ConfluentKafka:
    """As its documentation shows it: poll(0) after each call, and poll for room where there is none."""

    def __init__(self, options, told):
        import confluent_kafka

        self.version = f"{confluent_kafka.version()} (librdkafka {confluent_kafka.libversion()[0]})"
        config = {"bootstrap.servers": options.bootstrap, "enable.idempotence": True, "acks": "all"}
        config |= {"message.timeout.ms": 0, "linger.ms": options.linger, "compression.codec": options.compression}
        config |= {"queue.buffering.max.messages": options.queue, "queue.buffering.max.kbytes": 2097151}
        if not options.wait:
            config["log_level"] = 0  # nobody listens, as wanted
        self.producer = confluent_kafka.Producer(config)
        self.topic = options.topic
        self.told = told

    def produce(self, value, stamp):
        def on_delivery(error, _message):
            if error:
                raise SystemExit(f"peer: {error}")
            self.told(stamp)

        while True:
            try:
                self.producer.produce(self.topic, value, on_delivery=on_delivery)
                break
            except BufferError:
                self.producer.poll(0.1)
        self.producer.poll(0)

    def flush(self):
        self.producer.flush()


class AsyncProducer:
    """This library's binding, told of every delivery."""

    def __init__(self, options, told):
        import async_producer

        kinds = async_producer.EventType
        self.version = async_producer.library_version()
        config = {"bootstrap.servers": options.bootstrap, "delivery_threshold": 1, "linger.ms": options.linger}
        config |= {
            "compression.codec": options.compression,
            "max_queue_size": options.queue // 2,
            "max_pending_bytes": 0,
        }
        config |= {"max_buffer_size": options.queue // 2, "max_buffer_bytesize": 1 << 32, "overflow_wait": 3600}

        def on_event(event):
            if event.type != kinds.DELIVERED:
                print(f"peer: {event}", file=sys.stderr)
                os._exit(1)
            told(event.tag)

        events = kinds.DELIVERED | kinds.FAILED | kinds.DROPPED
        self.producer = async_producer.Producer(config, on_event=on_event, events=events)
        self.topic = options.topic

    def produce(self, value, stamp):
        self.producer.produce(self.topic, value, tag=stamp)

    def produce_batch(self, values):
        self.producer.produce_many(self.topic, values)

    def flush(self):
        self.producer.flush()


def read_options(words):
    options = dict(DEFAULTS)
    for word in words:
        key, _, value = word.partition("=")
        options[key] = type(DEFAULTS[key])(value)
    return SimpleNamespace(**options)


def payloads(options):
    if not options.payload:
        return [b"x" * options.size]
    with open(options.payload, "rb") as file:
        lines = file.read()
    step = options.size + 1
    return [lines[at : at + options.size] for at in range(0, len(lines), step)]


def memory(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name))


def cpu_s():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def summary(times):
    times.sort()
    last = len(times) - 1
    figures = {
        name: times[int(last * part)] for name, part in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999), ("max", 1))
    }
    return {"mean": sum(times) / len(times), **figures}


def run_batches(peer, values, count, size):
    for number in range(0, count, size):
        peer.produce_batch([values[index % len(values)] for index in range(number, min(number + size, count))])


def run(peer, values, count, options, calls=None):
    if options.call == "batch":
        run_batches(peer, values, count, options.batch)
        return
    clock = time.monotonic_ns
    begin = time.monotonic()
    for number in range(count):
        if options.rate:
            time.sleep(max(0, begin + number / options.rate - time.monotonic()))
        stamp = clock()
        peer.produce(values[number % len(values)], stamp)
        if calls is not None:
            calls.append(clock() - stamp)


def main():
    options = read_options(sys.argv[2:])
    acknowledged, acks, calls = 0, [], []

    def told(stamp):
        nonlocal acknowledged
        acknowledged += 1
        if options.latency:
            acks.append(time.monotonic_ns() - stamp)

    def wait(count):
        peer.flush()
        while acknowledged < count:
            time.sleep(0.0002)

    peer = {"confluent_kafka": ConfluentKafka, "async_producer": AsyncProducer}[sys.argv[1]](options, told)
    values = payloads(options)
    warm = min(1000, options.messages // 10)
    run(peer, values, warm, SimpleNamespace(rate=0, call=options.call, batch=options.batch))
    if options.wait:
        wait(warm)
    acks.clear()
    before, cpu, begin = memory("VmRSS:"), cpu_s(), time.monotonic()
    run(peer, values, options.messages, options, calls if options.calls else None)
    produced = time.monotonic()
    if options.wait:
        wait(warm + options.messages)
    figures = {"peer": sys.argv[1], "version": peer.version, "messages": options.messages}
    figures |= {"wall_s": time.monotonic() - begin, "cpu_s": cpu_s() - cpu, "rss_peak_kib": memory("VmHWM:")}
    figures |= {"rss_before_kib": before, "rss_after_kib": memory("VmRSS:")}
    figures["call_wall_ns"] = (produced - begin) * 1e9 / options.messages
    for name, times in (("call", calls), ("ack", acks)):
        if times:
            figures[name] = summary(times)
    print(json.dumps(figures), flush=True)
    os._exit(0)  # what is queued is not waited for


main()
