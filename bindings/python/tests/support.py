"""What the tests share. Kafka is the mock cluster inside librdkafka, or an address where nobody listens."""

import os
import subprocess
import sys
import threading
import time
import unittest

from async_producer import EventType, Producer

#: Python 3.12 warns of every fork with threads.
OPTIONS = ["-X", "dev", "-W", "error::ResourceWarning", "-W", "ignore::DeprecationWarning"]
#: A guard against hanging, no measure of speed.
LONG = 60.0

MOCK = {"test.mock.num.brokers": 1, "delivery_threshold": 1}
NOWHERE = {"bootstrap.servers": "127.0.0.1:1"}
TINY = {**NOWHERE, "max_queue_size": 10, "max_buffer_size": 5}
#: How many messages a TINY producer takes.
ROOM = 15


class Events:
    """A handler that keeps what it is told."""

    def __init__(self):
        self._list = []
        self._changed = threading.Condition()

    def __call__(self, event):
        with self._changed:
            self._list.append(event)
            self._changed.notify_all()

    def of(self, kind):
        return [event for event in list(self._list) if event.type == kind]

    def wait(self, kind, count=1):
        """The events of a type as soon as there are so many."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.of(kind)) >= count, LONG):
                raise AssertionError(f"{len(self.of(kind))} of {count} events {kind!r} came")
        return self.of(kind)


class TestCase(unittest.TestCase):
    maxDiff = None

    def producer(self, config, events=EventType.PROBLEMS, **keywords):
        """A producer that is closed at the end of the test; its handler's events are in `self.events`."""
        self.events = Events()
        producer = Producer(config, on_event=self.events, events=events, **keywords)
        self.addCleanup(producer.close)
        return producer

    def eventually(self, condition):
        """Waits until a condition holds that no event tells of."""
        deadline = time.monotonic() + LONG
        while not condition():
            self.assertLess(time.monotonic(), deadline, "it never happened")
            time.sleep(0.005)


def fill(producer, topic="nowhere"):
    """Produces value-0, value-1, ... until there is no room; how many there was room for, and the refusal."""
    count = 0
    while True:
        try:
            producer.produce(topic, f"value-{count}")
        except BufferError as overflow:
            return count, overflow
        count += 1


def threads_of_the_package():
    return [thread for thread in threading.enumerate() if thread.name.startswith("async_producer")]


def open_descriptors():
    return len(os.listdir("/proc/self/fd"))


def run_python(program, *arguments, **options):
    """Runs a program in an interpreter of its own, to its end."""
    return subprocess.run(
        [sys.executable, *OPTIONS, "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=LONG,
        cwd=os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
        **options,
    )
