"""The programs in example/, from outside."""

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from .support import LONG, TestCase

EXAMPLES = ("produce.py", "produce_asyncio.py")
FOLDER = Path(__file__).parent.parent / "example"


def thread_names(process):
    names = set()
    for task in Path(f"/proc/{process}/task").iterdir():
        with suppress(OSError):  # It has ended meanwhile.
            names.add((task / "comm").read_text().strip())
    return names


class Example(TestCase):
    def start(self, example, *arguments, brokers=None):
        environment = {name: value for name, value in os.environ.items() if name != "BROKERS"}
        if brokers:
            environment["BROKERS"] = brokers
        process = subprocess.Popen(
            [sys.executable, str(FOLDER / example), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        return process

    def end(self, process):
        """The exit code, and the numbers of the summary."""
        output, errors = process.communicate(timeout=LONG)
        summary = re.fullmatch(r"(\d+) of (\d+) messages delivered to demo, (\d+) accepted, (\d+) lost\n", output)
        self.assertIsNotNone(summary, output + errors)
        return process.returncode, tuple(map(int, summary.groups()))

    def wait_for_the_worker(self, process):
        """Waits until the process has produced something: that starts the library's worker."""
        self.eventually(lambda: "ap-worker" in thread_names(process.pid))

    def test_a_hundred_thousand_messages(self):
        for example in EXAMPLES:
            with self.subTest(example):
                self.assertEqual(self.end(self.start(example)), (0, (100_000, 100_000, 100_000, 0)))

    def test_ctrl_c_loses_nothing_that_was_accepted(self):
        for example in EXAMPLES:
            with self.subTest(example):
                process = self.start(example, "1000000000")
                self.wait_for_the_worker(process)
                process.send_signal(signal.SIGINT)
                code, (delivered, count, accepted, lost) = self.end(process)
                self.assertEqual((code, count, delivered, lost), (130, 1_000_000_000, accepted, 0))
                self.assertLess(delivered, count)

    def test_a_second_ctrl_c_drops_it(self):
        for example in EXAMPLES:
            with self.subTest(example):
                process = self.start(example, brokers="127.0.0.1:1")
                self.wait_for_the_worker(process)
                process.send_signal(signal.SIGINT)
                while "interrupted" not in process.stderr.readline():
                    self.assertIsNone(process.poll(), "the process has ended")
                process.send_signal(signal.SIGINT)
                code, (delivered, _, accepted, lost) = self.end(process)
                self.assertEqual((code, delivered, lost), (130, 0, accepted))
                self.assertGreater(accepted, 0)
