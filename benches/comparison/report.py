"""The results as a page in Markdown with a chart for each scenario."""

import os
import platform
import re
import subprocess
from pathlib import Path

from .chart import bar_chart
from .figures import ratios, summary, text
from .peers import OURS

INTRODUCTION = """# Benchmarks

Made by `{command}` on {date}; it took {minutes} minutes. {rounds} rounds, in each of which the peers took turns. A cell
is the median of the rounds [lowest–highest]; in brackets behind it the same for its ratio to `async_producer` (or its
binding) in the same round. Only ratios say something beyond this machine. CPU seconds are of the whole client
process, in Java with the start of the JVM.

All peers: acks=all, idempotent, linger.ms {linger}, the same messages, which are lines of words and random numbers.
`async_producer` has `delivery_threshold=1`. Batches are of at most 1,000,000 bytes (Java: 262,144). The calls of the C
and Rust peers are timed by the time stamp counter, less what reading it costs.

| | |
| --- | --- |
"""


def machine(load):
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())[1])
    return {
        "processor": f"{cpu[1].strip() if cpu else platform.machine()}, {os.cpu_count()} cores",
        "memory": f"{memory / (1 << 20):.0f} GiB",
        "system": f"Linux {platform.release().split('-')[0]}",
        "load before": f"{load:.2f}",
        "Rust": first_line("rustc", "--version"),
        "C compiler": first_line("cc", "--version"),
        "Go": first_line("go", "version"),
        "Java": first_line("java", "-version"),
        "Python": platform.python_version(),
    }


def first_line(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout.splitlines()[0]


def write(directory, results, facts, missing, header):
    directory.mkdir(parents=True, exist_ok=True)
    lines = [INTRODUCTION.format(**header) + "\n".join(f"| {name} | {fact} |" for name, fact in facts.items())]
    lines += [f"\nNot measured: {name} ({why})." for name, why in missing.items()]
    for scenario, runs in results:
        lines += ["", f"## {scenario.title}", "", table(scenario, runs)]
        for figure in scenario.figures[:1]:
            lines += chart(directory, scenario, figure, runs)
    (directory / "README.md").write_text("\n".join(lines) + "\n")


def values_of(scenario, figure, runs, peer):
    return [run and figure.read(run, scenario.options) for run in runs[peer]]


def table(scenario, runs):
    names = [figure.name for figure in scenario.figures]
    lines = [f"| | {' | '.join(names)} |", "| --- |" + " --- |" * len(names)]
    for peer in runs:
        cells = [cell(scenario, figure, runs, peer) for figure in scenario.figures]
        lines.append(f"| {peer.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def cell(scenario, figure, runs, peer):
    values = values_of(scenario, figure, runs, peer)
    found = text(summary(values))
    ours = reference(runs)
    if peer == ours or not found:
        return found
    compared = text(summary(ratios(values, values_of(scenario, figure, runs, ours))))
    return f"{found} ({compared})" if compared else found


def reference(runs):
    """What the others are compared with: the library, or its binding where only those of a language take part."""
    return OURS if OURS in runs else next(peer for peer in runs if peer.name.startswith(OURS.name))


def chart(directory, scenario, figure, runs):
    found = ((peer, summary(values_of(scenario, figure, runs, peer))) for peer in runs)
    bars = [(peer.name, values, peer == reference(runs)) for peer, values in found if values]
    if not bars:
        return []
    name = re.sub(r"[^a-z0-9]+", "-", f"{scenario.title} {figure.name}".lower()).strip("-") + ".svg"
    (directory / name).write_text(bar_chart(f"{scenario.title}: {figure.name}", bars))
    return ["", f"![{figure.name}]({name})"]
