"""What is measured: a scenario is one group of runs, made by every peer in turn, and one table."""

from dataclasses import dataclass

from . import figures as fig
from .peers import PEERS

LINGER = 5  # milliseconds

# Bytes of a value: how many messages, at full length.
MESSAGES = {100: 1_000_000, 1024: 300_000, 10240: 50_000}
BY_NAME = {peer.name: peer for peer in PEERS}
CALLERS = [peer for peer in PEERS if peer.calls and peer.threads]
BINDINGS = {language: [peer for peer in PEERS if f"({language})" in peer.name] for language in ("Python", "Node")}
NATIVE = [peer for peer in PEERS if not any(peer in peers for peers in BINDINGS.values())]
LATENCY = [BY_NAME["async_producer"], BY_NAME["librdkafka, rd_kafka_produce"], BY_NAME["rust-rdkafka ThreadedProducer"]]
LATENCY += [BY_NAME["franz-go"], BY_NAME["Java ProducerPerformance"]]

CALL = [fig.call_wall_ns, fig.call_cpu_ns, *map(fig.call_ns, ("p50", "p99", "p999", "max")), fig.queued_bytes]
THROUGHPUT = [fig.rate, fig.megabytes, fig.cpu_s_a_million, fig.memory]
ACKNOWLEDGED = [*map(fig.ack_us, ("p50", "p99", "p999")), fig.cpu_s_a_million]


@dataclass(frozen=True)
class Scenario:
    target: str
    title: str
    options: dict
    peers: list
    figures: list[fig.Figure]

    def seconds(self):
        """About as long as a run of each peer takes."""
        if self.options["rate"]:
            return len(self.peers) * (self.options["messages"] / self.options["rate"] + 2)
        return len(self.peers) * (1 + self.options["messages"] * self.options["size"] ** 0.5 / 5_000_000)


def make(
    target,
    what,
    peers,
    figures,
    *,
    size=100,
    threads=1,
    partitions=1,
    compression="none",
    messages=None,
    rate=0,
    **more,
):
    title = f"{what}, {target}, {size} B, {plural(threads, 'thread')}, {plural(partitions, 'partition')}"
    title += f", {compression}" if compression != "none" else ""
    title += f", {rate} messages a second" if rate else ""
    options = {"topic": f"bench-{partitions}", "size": size, "threads": threads, "compression": compression}
    options |= {"messages": messages or MESSAGES[size], "rate": rate, "linger": LINGER, "queue": 100_000, **more}
    peers = [peer for peer in peers if threads == 1 or peer.threads]
    return Scenario(target, title, options, peers, figures)


def plural(count, noun):
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def call_cost(target, scale, **options):
    """The queue has room for all, so that a call never waits."""
    messages = int(MESSAGES[options.get("size", 100)] * scale)
    wait = 0 if target == "nobody" else 1
    figures = CALL if target == "nobody" else CALL[:-1]
    return make(
        target, "The call", CALLERS, figures, messages=messages, queue=3 * messages, calls=1, wait=wait, **options
    )


def throughput(target, scale, peers=NATIVE, what="Throughput", **options):
    messages = int(MESSAGES[options.get("size", 100)] * scale)
    return make(target, what, peers, THROUGHPUT, messages=messages, **options)


def bindings(target, scale, **options):
    return [
        throughput(target, scale, peers, f"Throughput in {language}", **options) for language, peers in BINDINGS.items()
    ]


def latency(target, rate, seconds):
    what = "From the call to the acknowledgement"
    return make(target, what, LATENCY, ACKNOWLEDGED, messages=rate * seconds, rate=rate, latency=1)


def quick():
    return [
        call_cost("nobody", 0.2),
        call_cost("nobody", 0.2, threads=4),
        call_cost("sink", 0.2),
        throughput("sink", 0.3),
        throughput("sink", 0.3, size=1024, partitions=6, compression="lz4"),
        throughput("Kafka", 0.3),
        *bindings("sink", 0.1),
        latency("sink", 1000, 3),
    ]


def usual():
    """Each thing that varies, varied alone."""
    variants = [
        {},
        {"threads": 2},
        {"threads": 4},
        {"size": 1024},
        {"size": 10240},
        {"partitions": 6},
        {"compression": "lz4"},
        {"threads": 4, "partitions": 6},
        {"size": 1024, "partitions": 6, "compression": "lz4"},
    ]
    calls = [call_cost(target, 0.3, threads=threads) for target in ("nobody", "sink") for threads in (1, 2, 4)]
    calls += [call_cost("sink", 0.3, size=size) for size in (1024, 10240)]
    rates = [throughput("sink", 0.5, **variant) for variant in variants]
    rates += [throughput("Kafka", 0.5, **variant) for variant in ({}, {"size": 1024}, {"partitions": 6})]
    languages = [scenario for size in (100, 1024) for scenario in bindings("sink", 0.2, size=size)]
    late = [latency("sink", rate, 5) for rate in (1_000, 20_000)] + [latency("Kafka", 1_000, 5)]
    return calls + rates + languages + late


def every():
    """Every combination."""
    calls = [
        call_cost(target, 0.5, threads=threads, size=size)
        for target in ("nobody", "sink")
        for size in MESSAGES
        for threads in (1, 2, 4)
    ]
    rates = [
        throughput(target, 1, size=size, threads=threads, partitions=partitions, compression=compression)
        for target in ("sink", "Kafka")
        for size in MESSAGES
        for threads in (1, 2, 4)
        for partitions in (1, 6)
        for compression in ("none", "lz4")
    ]
    languages = [scenario for size in (100, 1024) for scenario in bindings("sink", 0.2, size=size)]
    late = [latency(target, rate, 10) for target in ("sink", "Kafka") for rate in (1_000, 20_000)]
    return calls + rates + languages + late


SETS = {"quick": quick, "usual": usual, "every": every}
