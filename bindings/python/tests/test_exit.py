"""The interpreter exits while a producer is alive: it neither hangs nor crashes, and delivers what it can."""

from .support import TestCase, run_python

BEGIN = """
import atexit, os, sys, threading, time
from async_producer import *

def told(event):
    print(event.type.name, flush=True)
"""


class Exit(TestCase):
    def check(self, program, expected, code=0, errors=""):
        ran = run_python(BEGIN + program)
        self.assertEqual((ran.stdout, ran.stderr, ran.returncode), (expected, errors, code))

    def test_S10_twenty_times_with_events_flowing_and_no_shutdown(self):
        for _ in range(20):
            self.check(
                """
producer = Producer({"test.mock.num.brokers": 1, "delivery_threshold": 10, "max_queue_size": 5000},
                    on_event=lambda event: None, events=EventType.ALL)
for number in range(5000):
    producer.produce("t", b"v")
""",
                "",
            )

    def test_what_was_accepted_is_delivered_at_exit(self):
        self.check(
            """
producer = Producer({"test.mock.num.brokers": 1}, on_event=told, events=EventType.DELIVERED)
producer.produce("t", "v")
producer.produce("t", "v")
""",
            "DELIVERED\nDELIVERED\n",
        )

    def test_nobody_listens_and_the_exit_is_bounded(self):
        self.check(
            """
producer = Producer(bootstrap_servers="127.0.0.1:1", on_event=told, events=EventType.DROPPED, exit_timeout=0.1)
producer.produce("t", "v")
""",
            "DROPPED\n",
        )

    def test_an_exit_timeout_of_zero_does_not_wait(self):
        self.check(
            """
producer = Producer({"test.mock.num.brokers": 1}, on_event=told, events=EventType.SETTLEMENTS, exit_timeout=0)
producer.produce("t", "v")
""",
            "DROPPED\n",
        )

    def test_exit_with_a_code_and_with_an_exception(self):
        produce = 'producer = Producer({"test.mock.num.brokers": 1})\nproducer.produce("t", "v")\n'
        self.check(produce + "sys.exit(7)", "", code=7)
        ran = run_python(BEGIN + produce + "1 / 0")
        self.assertEqual(ran.returncode, 1)
        self.assertEqual(ran.stderr.strip().splitlines()[-1], "ZeroDivisionError: division by zero")

    def test_functions_registered_for_the_exit_may_still_produce(self):
        self.check(
            """
producer = Producer({"test.mock.num.brokers": 1}, on_event=told, events=EventType.DELIVERED)
atexit.register(producer.produce, "t", "v")
""",
            "DELIVERED\n",
        )

    def test_functions_registered_for_the_exit_may_wait(self):
        self.check(
            """
producer = Producer({"test.mock.num.brokers": 1}, on_event=told, events=EventType.DELIVERED)

@atexit.register
def last_words():
    producer.produce("t", "v")
    producer.flush()
    producer.produce("t", "v")
    producer.shutdown()
    print(producer.stats().delivered)
""",
            "DELIVERED\nDELIVERED\n2\n",
        )

    def test_with_a_thread_that_produces_and_one_that_flushes(self):
        self.check(
            """
producer = Producer(bootstrap_servers="127.0.0.1:1", on_event=None, max_queue_size=100000, exit_timeout=0.05)
producer.produce("t", "v")

def produce():
    try:
        while True:
            producer.produce("t", b"v")
    except ProducerError:
        pass

def flush():
    try:
        producer.flush()
    except ProducerError:
        pass

for body in (produce, flush):
    threading.Thread(target=body, daemon=True).start()
""",
            "",
        )

    def test_with_a_handler_that_never_returns(self):
        self.check(
            """
producer = Producer({"test.mock.num.brokers": 1, "delivery_threshold": 1},
                    on_event=lambda event: threading.Event().wait(), events=EventType.DELIVERED, exit_timeout=0.05)
producer.produce("t", "v")
""",
            "",
        )

    def test_threads_that_are_no_daemons_finish_first(self):
        self.check(
            """
producer = Producer({"test.mock.num.brokers": 1}, on_event=told, events=EventType.DELIVERED)

def late():
    threading.main_thread().join()
    producer.produce("t", "v")

threading.Thread(target=late).start()
""",
            "DELIVERED\n",
        )

    def test_a_producer_in_a_cycle_and_one_without_a_message(self):
        self.check(
            """
class Application:
    def __init__(self):
        self.producer = Producer({"test.mock.num.brokers": 1}, on_event=self.handle, events=EventType.DELIVERED)
    def handle(self, event):
        print(event.type.name)

application = Application()
application.producer.produce("t", "v")
idle = Producer({"test.mock.num.brokers": 1})
""",
            "DELIVERED\n",
        )

    def test_a_shut_down_producer_costs_nothing(self):
        self.check(
            """
producer = Producer(bootstrap_servers="127.0.0.1:1", on_event=None, exit_timeout=1000000)
producer.produce("t", "v")
try:
    producer.shutdown(0)
except Undelivered:
    print("undelivered")
""",
            "undelivered\n",
        )

    def test_asyncio(self):
        self.check(
            """
import asyncio

async def main():
    await producer.produce("t", "v")

producer = AsyncProducer({"test.mock.num.brokers": 1}, on_event=told, events=EventType.DELIVERED)
asyncio.run(main())
""",
            "DELIVERED\n",
        )
