"""The collector of garbage runs all the time, and threads of all kinds are there when the interpreter exits."""

from .support import TestCase, run_python

BEGIN = """
import atexit, gc, sys, threading, time, weakref
from async_producer import *

MOCK = {"test.mock.num.brokers": 1}
NOWHERE = {"bootstrap.servers": "127.0.0.1:1"}
LIMIT = 60

def storm():
    while not over.is_set():
        gc.collect()

over = threading.Event()
"""


class Collector(TestCase):
    def check(self, program, expected):
        ran = run_python(BEGIN + program)
        self.assertEqual((ran.stdout, ran.stderr, ran.returncode), (expected, "", 0))

    def test_r69_a_storm_of_collections_while_messages_are_produced_and_told(self):
        self.check(
            """
class Payload:
    # In a cycle, with the bytes that the library is handed.
    def __init__(self, number):
        self.me, self.bytes = self, b"value-%d" % number * 20

told = []
gc.set_threshold(1, 1, 1)
storms = [threading.Thread(target=storm) for _ in range(2)]
for thread in storms:
    thread.start()
with Producer(MOCK, delivery_threshold=10, on_event=told.append, events=EventType.ALL, overflow_wait=LIMIT) as producer:
    futures = []
    for number in range(150):
        headers = [("h", Payload(number).bytes)]
        futures.append(producer.send("t", Payload(number).bytes, key=str(number), headers=headers))
        producer.produce("t", Payload(number).bytes, tag=number)
        producer.produce_many("t", [Payload(number).bytes, None], keys=[None, "k"])
    producer.flush(LIMIT)
    assert len({(future.result().partition, future.result().offset) for future in futures}) == 150

back = []
dead = Producer(NOWHERE, on_event=back.append, events=EventType.DROPPED)
for number in range(100):
    dead.produce("t", Payload(number).bytes, key=str(number), headers=[("h", Payload(number).bytes)], tag=number)
dead.close()
over.set()
for thread in storms:
    thread.join()
print(sum(event.type == EventType.DELIVERED for event in told), end=" ")
print(all(
    (event.message.value, event.message.key, event.message.headers) ==
    (b"value-%d" % number * 20, b"%d" % number, (("h", b"value-%d" % number * 20),))
    for number, event in enumerate(back)
), len(back))
""",
            "600 True 100\n",
        )

    def test_r69_producers_come_and_go_in_a_storm_of_collections(self):
        self.check(
            """
import warnings
warnings.simplefilter("ignore", ResourceWarning)

class Application:
    # A cycle through the handler: only the collector ends it, on whatever thread it runs, with deliveries under way.
    def __init__(self):
        self.producer = Producer(MOCK, delivery_threshold=1, on_event=self.handle, events=EventType.ALL)
        self.futures = [self.producer.send("t", "v") for _ in range(5)]
    def handle(self, event):
        self.last = event

storms = [threading.Thread(target=storm) for _ in range(2)]
for thread in storms:
    thread.start()
futures, references = [], []
for number in range(24):
    application = Application()
    futures += application.futures
    references.append(weakref.ref(application.producer))
    if number % 3 == 0:
        application.futures[0].result(LIMIT)
    del application
for future in futures:
    assert future.exception(LIMIT) is None or isinstance(future.exception(), ProducerError)
deadline = time.monotonic() + LIMIT
while any(reference() for reference in references) and time.monotonic() < deadline:
    time.sleep(0.01)
over.set()
for thread in storms:
    thread.join()
print(sum(reference() is not None for reference in references), len(futures))
""",
            "0 120\n",
        )

    def test_r69_the_interpreter_exits_while_daemon_threads_are_at_it(self):
        for _ in range(3):
            self.check(
                """
producer = Producer(MOCK, delivery_threshold=10, on_event=lambda event: None, events=EventType.ALL, exit_timeout=0.05)
flowing = threading.Event()

def produce():
    try:
        while True:
            try:
                producer.send("t", b"v").add_done_callback(lambda future: flowing.set())
            except BufferError:
                producer.deliver()
    except (ProducerError, RuntimeError):
        pass

def flush():
    try:
        while True:
            producer.flush()
    except (ProducerError, RuntimeError):
        pass

def come_and_go():
    try:
        while True:
            Producer(NOWHERE, on_event=None).close()
    except (ProducerError, RuntimeError):
        pass

for body in (produce, produce, flush, storm, come_and_go):
    threading.Thread(target=body, daemon=True).start()
assert flowing.wait(LIMIT)
""",
                "",
            )
