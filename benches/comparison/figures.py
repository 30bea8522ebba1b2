"""The figures of a table: how each is read from a run, and medians, ranges and ratios of several."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Figure:
    name: str
    read: Callable  # of a run and its options; None where the peer does not say
    higher_is_better: bool = False


def call_ns(which):
    def read(run, _options):
        return run.get("call", {}).get(which)

    return Figure(f"call {which.replace('p999', 'p99.9')}, ns", read)


def ack_us(which):
    def read(run, _options):
        ns = run.get("ack", {}).get(which)
        return ns and ns / 1e3

    return Figure(f"acknowledged {which.replace('p999', 'p99.9')}, µs", read)


def per_queued_message(run, _options):
    return (run["rss_after_kib"] - run["rss_before_kib"]) * 1024 / run["messages"] if "rss_after_kib" in run else None


def megabytes_a_second(run, options):
    return run["messages"] * options["size"] / run["wall_s"] / 1e6


def per_million(run, _options):
    return run["cpu_s"] * 1e6 / run["messages"]


call_wall_ns = Figure("call mean, ns", lambda run, _: run.get("call_wall_ns"))
call_cpu_ns = Figure("call CPU, ns", lambda run, _: run.get("call_cpu_ns"))
rate = Figure("thousand messages/s", lambda run, _: run["messages"] / run["wall_s"] / 1e3, higher_is_better=True)
megabytes = Figure("MB/s", megabytes_a_second, higher_is_better=True)
cpu_s_a_million = Figure("CPU s per million", per_million)
memory = Figure("peak RSS, MiB", lambda run, _: run["rss_peak_kib"] / 1024 if "rss_peak_kib" in run else None)
queued_bytes = Figure("bytes per queued message", per_queued_message)


@dataclass(frozen=True)
class Summary:
    """The rounds of one peer: the median and the range."""

    middle: float
    low: float
    high: float


def summary(values):
    values = [value for value in values if value is not None]
    return Summary(median(values), min(values), max(values)) if values else None


def ratios(values, ours):
    """Of each round to ours in the same round."""
    return [value / own if value is not None and own else None for value, own in zip(values, ours)]


def short(number):
    """Three digits that count."""
    if number >= 100:
        return f"{number:.0f}"
    return f"{number:.1f}" if number >= 10 else f"{number:.2f}"


def text(found):
    if found is None:
        return ""
    if found.low == found.high:
        return short(found.middle)
    return f"{short(found.middle)} [{short(found.low)}–{short(found.high)}]"
