"""Ctrl-C comes through wherever the program waits."""

from .support import TestCase, run_python

#: Sends SIGINT to the process as soon as `condition` holds.
INTERRUPT = """
import os, signal, sys, threading, time
from async_producer import *

def interrupt_when(condition):
    def watch():
        while not condition():
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=watch, daemon=True).start()

def in_a_call():
    return any(thread.name == "async_producer call" for thread in threading.enumerate())

producer = Producer(bootstrap_servers="127.0.0.1:1", on_event=None, max_queue_size=10, max_buffer_size=5,
                    overflow_wait=1000000, exit_timeout=0)
producer.produce("t", "v")
"""


class Signals(TestCase):
    def check(self, program, expected):
        ran = run_python(INTERRUPT + program)
        self.assertEqual((ran.stdout, ran.stderr, ran.returncode), (expected, "", 0))

    def test_flush(self):
        self.check(
            """
interrupt_when(in_a_call)
try:
    producer.flush()
except KeyboardInterrupt:
    print("interrupted")
producer.close()
print(producer.stats().dropped)
""",
            "interrupted\n1\n",
        )

    def test_shutdown_goes_on_and_a_second_one_ends_it(self):
        self.check(
            """
interrupt_when(in_a_call)
try:
    producer.shutdown()
except KeyboardInterrupt:
    print("interrupted", producer.stats().dropped)
try:
    producer.shutdown(0)
except Undelivered:
    print("dropped", producer.stats().dropped)
producer.close()
""",
            "interrupted 0\ndropped 1\n",
        )

    def test_a_wait_for_room(self):
        self.check(
            """
interrupt_when(lambda: producer._line.waiting)
try:
    for _ in range(100):
        producer.produce("t", "v")
except KeyboardInterrupt:
    print("interrupted", producer.stats().accepted, bool(producer._line.waiting))
producer.close()
""",
            "interrupted 15 False\n",
        )

    def test_the_end_of_a_with(self):
        self.check(
            """
interrupt_when(in_a_call)
try:
    with producer:
        pass
except KeyboardInterrupt:
    print("interrupted", producer, producer.stats().dropped)
""",
            "interrupted <async_producer.Producer closed> 1\n",
        )

    def test_inside_a_with(self):
        self.check(
            """
try:
    with producer:
        interrupt_when(lambda: True)
        while True:
            pass
except KeyboardInterrupt:
    print("interrupted", producer, producer.stats().dropped)
""",
            "interrupted <async_producer.Producer closed> 1\n",
        )

    def test_a_handler_of_a_signal_may_produce(self):
        self.check(
            """
signal.signal(signal.SIGUSR1, lambda number, frame: producer.produce("t", "from the handler", tag=1))
producer.clear()
for _ in range(200):
    os.kill(os.getpid(), signal.SIGUSR1)
    producer.produce("t", "v")
    producer.clear()
print(producer.stats().accepted)
producer.close()
""",
            "401\n",
        )
