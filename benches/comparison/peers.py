"""Runs a peer once, and reads the line it prints."""

import json
import os
import random
import re
import resource
import subprocess
from dataclasses import dataclass, field

from .build import ROOT, TARGET, WORK

PATIENCE = 600
WORDS = "order customer shipped paid pending amount currency street city zip name EUR USD 2026 warehouse item".split()


class Failed(Exception):
    pass


@dataclass(frozen=True)
class Peer:
    """A row of a table: a program and the way it is called."""

    name: str
    program: str
    extra: dict = field(default_factory=dict, hash=False)
    threads: bool = True  # whether it can produce on several
    calls: bool = True  # whether it can time its calls


OURS = Peer("async_producer", "async_producer")
PEERS = [
    OURS,
    Peer("async_producer, failures only", "async_producer", {"events": "failed"}),
    Peer("async_producer, batches", "async_producer", {"call": "batch"}),
    Peer("librdkafka, rd_kafka_produce", "librdkafka"),
    Peer("librdkafka, rd_kafka_produceva", "librdkafka", {"call": "produceva"}),
    Peer("librdkafka, rd_kafka_produce_batch", "librdkafka", {"call": "batch"}),
    Peer("rust-rdkafka ThreadedProducer", "threaded_producer"),
    Peer("franz-go", "franz-go"),
    Peer("Java ProducerPerformance", "java", threads=False, calls=False),
    Peer("confluent-kafka (Python)", "confluent-kafka (Python)", threads=False),
    Peer("async_producer (Python)", "async_producer (Python)", threads=False),
    Peer("async_producer (Python), batches", "async_producer (Python)", {"call": "batch"}, threads=False, calls=False),
    Peer("node-rdkafka (Node)", "node-rdkafka (Node)", threads=False, calls=False),
    Peer("async_producer (Node)", "async_producer (Node)", threads=False, calls=False),
    Peer("async_producer (Node), batches", "async_producer (Node)", {"call": "batch"}, threads=False, calls=False),
]


def payload_file(size):
    """Lines of exactly `size` bytes, a MiB in all, of text that compresses as logs do; the same on every machine."""
    path = WORK / f"payload-{size}"
    if not path.exists():
        dice = random.Random(size)
        lines = (line_of(size, dice) for _ in range(max(100, (1 << 20) // size)))
        path.write_text("".join(f"{line}\n" for line in lines))
    return path


def line_of(size, dice):
    line = ""
    while len(line) < size:
        line += f'"{dice.choice(WORDS)}":"{dice.choice(WORDS)}-{dice.getrandbits(24):x}",'
    return line[:size]


def environment():
    return {
        **os.environ,
        "ASYNC_PRODUCER_LIBRARY": str(TARGET / "release/libasync_producer.so"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(ROOT / "bindings/python/src"),
    }


def run(peer, command, broker, options):
    """The figures of one run."""
    options = {**options, "payload": payload_file(options["size"]), **peer.extra, "bootstrap": broker.bootstrap}
    if peer.program == "java":
        return run_java(command, options)
    words = [f"{key}={value}" for key, value in options.items()]
    return json.loads(execute([*command, *words]).splitlines()[-1])


def execute(command):
    try:
        nothing = subprocess.DEVNULL
        done = subprocess.run(
            command, stdin=nothing, capture_output=True, text=True, timeout=PATIENCE, env=environment()
        )
    except subprocess.TimeoutExpired as late:
        raise Failed(f"not done in {PATIENCE} s") from late
    if done.returncode != 0:
        raise Failed(f"exit {done.returncode}: {done.stderr.strip()[-200:]}")
    return done.stdout


def run_java(command, options):
    properties = {
        "acks": "all",
        "linger.ms": options["linger"],
        "batch.size": 256 << 10,
        "buffer.memory": 256 << 20,
        "compression.type": options["compression"],
    }
    words = ["--bootstrap-server", options["bootstrap"], "--topic", options["topic"]]
    words += ["--num-records", options["messages"], "--throughput", options.get("rate") or -1]
    words += ["--payload-file", options["payload"]]
    words += ["--command-property", *(f"{key}={value}" for key, value in properties.items())]
    before = children_cpu_s()
    output = execute([str(word) for word in [*command, *words]])
    return read_java(output, options, children_cpu_s() - before)


def children_cpu_s():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def read_java(output, options, cpu_s):
    """Its last line. CPU seconds are of the whole process, the start of the JVM included."""
    line = output.strip().splitlines()[-1]
    rate = re.search(r"([\d.]+) records/sec", line)
    ack = {f"p{name}": float(ms) * 1e6 for ms, name in re.findall(r"(\d+) ms (50|99)th", line)}
    last = re.search(r"(\d+) ms 99\.9th", line)
    if not rate or not last:
        raise Failed(f"output not understood: {line}")
    ack["p999"] = float(last[1]) * 1e6
    wall_s = options["messages"] / float(rate[1])
    figures = {"peer": "java", "messages": options["messages"], "wall_s": wall_s, "cpu_s": cpu_s}
    return {**figures, "ack": ack} if options.get("latency") else figures
