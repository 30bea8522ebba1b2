"""Preforking servers and pools against a real Kafka, whose log shows what arrived twice or not at all."""

import collections
import os
import re
import subprocess
import sys
import tempfile
import unittest

from .support import LONG, OPTIONS

HERE = os.path.dirname(os.path.abspath(__file__))
KAFKA = os.path.join(HERE, "..", "..", "..", "tests", "kafka", "kafka")
RECORD = re.compile(rb"<~null~><~>(\S+)<~end~>$", re.MULTILINE)


def kafka(*arguments):
    return subprocess.run([KAFKA, *arguments], check=True, capture_output=True, timeout=10 * LONG).stdout


class Prefork(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.broker = os.path.join(directory.name, "broker")
        cls.addClassCleanup(lambda: kafka("kill", cls.broker))
        cls.brokers = kafka("start", cls.broker).decode().strip().partition("=")[2]

    def run_shape(self, shape):
        """Runs servers of that shape; answers the lines they printed, by their first word."""
        command = [sys.executable, *OPTIONS, os.path.join(HERE, "prefork.py"), self.brokers, shape, shape]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=10 * LONG)
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        lines = collections.defaultdict(list)
        for line in ran.stdout.splitlines():
            word, *rest = line.split()
            lines[word].append(rest)
        return lines

    def check(self, shape, senders):
        lines = self.run_shape(shape)
        self.assertEqual(lines["foreign"], [], "no process is told of another's messages")
        self.assertEqual(len(lines["sent"]), senders)
        expected = [f"{who}:{number}" for who, count in lines["sent"] for number in range(int(count))]
        found = [value.decode() for value in RECORD.findall(kafka("read", self.broker, shape))]
        counts = collections.Counter(found)
        self.assertEqual([value for value in counts if counts[value] > 1], [], "twice")
        self.assertEqual(set(expected) - set(found), set(), "missing")
        self.assertEqual(set(found) - set(expected), set(), "from nowhere")
        self.assertEqual(len(found), len(expected))
        self.check_ends(shape, lines)

    def check_ends(self, shape, lines):
        began, ended = ({pid: int(time) for pid, time in lines[word]} for word in ("ends", "ended"))
        self.assertEqual(sorted(began), sorted(ended))
        if ended:
            slowest = max(ended[pid] - began[pid] for pid in ended) / 1e9
            print(f"r51: {shape}: the slowest of {len(ended)} workers ended in {slowest:.3f} s", file=sys.stderr)
            self.assertLess(slowest, LONG)

    def test_r51_eight_workers_of_a_preforking_server(self):
        self.check("server", 8 * 2 + 3)

    def test_r51_processes_and_pools_of_multiprocessing(self):
        self.check("multiprocessing", 8 * 2 + 8 * 2 + 3)

    def test_r51_pools_that_do_not_fork(self):
        self.check("anew", 2 * 8 * 2)
