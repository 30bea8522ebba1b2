"""A forked child goes on with the producers it inherited; the parent does not notice."""

import os
import pickle
import tempfile

from .support import TestCase, run_python

BEGIN = """
import asyncio, multiprocessing, os, sys, threading, time
from async_producer import *

def say(*words):
    # In one piece: several processes write at the same time.
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

def delivered(event):
    say(name, event.type.name, event.tag)

def wait(child):
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code == 0, f"the child ended with {code}"

def fork(body):
    child = os.fork()
    if child == 0:
        global name
        name = "child"
        body()
        sys.exit()
    return child

name = "parent"
config = {"test.mock.num.brokers": 1}
producer = Producer(config, on_event=delivered, events=EventType.DELIVERED)
"""

WORKERS = """
import multiprocessing
import sys

from async_producer import Producer

inherited = None


def work(number):
    producer = inherited or Producer({"test.mock.num.brokers": 1})
    futures = [producer.send("t", str(number)) for _ in range(100)]
    producer.shutdown()
    return sum(future.result().topic == "t" for future in futures)


if __name__ == "__main__":
    method = sys.argv[1]
    context = multiprocessing.get_context(method)
    if method == "fork":
        inherited = Producer({"test.mock.num.brokers": 1})
        inherited.send("t", "the parent's")
    with context.Pool(4) as pool:
        print(pool.map(work, range(4), chunksize=1))
    if inherited:
        inherited.shutdown()
        print(inherited.stats().delivered)
"""


class Fork(TestCase):
    def check(self, program, expected):
        ran = run_python(BEGIN + program)
        self.assertEqual((sorted(ran.stdout.splitlines()), ran.returncode), (sorted(expected), 0), ran.stderr)
        self.assertEqual(ran.stderr, "")

    def test_a_child_goes_on_and_the_parent_keeps_its_own(self):
        self.check(
            """
future = producer.send("t", "v")
producer.produce("t", "v", tag=1)

def in_the_child():
    producer.produce("t", "v", tag=2)
    assert producer.send("t", "v") and producer.stats().accepted == 2
    producer.flush()
    assert producer.stats().delivered == 2
    assert not future.done(), "the parent's future is the parent's"

wait(fork(in_the_child))
producer.produce("t", "v", tag=3)
producer.shutdown()
assert future.done() and producer.stats().delivered == 3
""",
            # The child ends before its reader may have told everything; shutdown at its exit waits for it.
            [
                "child DELIVERED 0",
                "child DELIVERED 2",
                "parent DELIVERED 0",
                "parent DELIVERED 1",
                "parent DELIVERED 3",
            ],
        )

    def test_before_anything_was_produced(self):
        self.check(
            """
wait(fork(lambda: producer.produce("t", "v", tag=1)))
producer.produce("t", "v", tag=2)
""",
            ["child DELIVERED 1", "parent DELIVERED 2"],
        )

    def test_a_child_that_does_not_use_it_exits_at_once(self):
        self.check(
            """
dead = Producer(bootstrap_servers="127.0.0.1:1", on_event=None, exit_timeout=1000000)
dead.produce("t", "v")
producer.produce("t", "v", tag=1)
for _ in range(5):
    wait(fork(lambda: None))
    child = os.fork()
    if child == 0:
        os._exit(0)
    wait(child)
try:
    dead.shutdown(0)
except Undelivered:
    say("undelivered", dead.stats().dropped)
""",
            ["parent DELIVERED 1", "undelivered 1"],
        )

    def test_four_preforked_workers(self):
        self.check(
            """
producer.produce("t", "v", tag=1)

def work():
    futures = [producer.send("t", str(number)) for number in range(100)]
    producer.flush()
    say("worker", sum(future.exception() is None for future in futures))
    os._exit(0)

producer._on_event = None
workers = [fork(work) for _ in range(4)]
for worker in workers:
    wait(worker)
producer.shutdown()
say("master", producer.stats().delivered)
""",
            ["worker 100"] * 4 + ["master 1"],
        )

    def test_with_threads_that_produce_and_flush(self):
        self.check(
            """
busy = Producer(config, on_event=None, overflow_wait=1000000, delivery_threshold=100)
stop = threading.Event()

def produce():
    while not stop.is_set():
        busy.produce("t", b"v")

def flush():
    while not stop.is_set():
        busy.flush()

threads = [threading.Thread(target=body) for body in (produce, produce, flush)]
for thread in threads:
    thread.start()

def in_the_child():
    busy.send("t", "v")
    busy.flush()
    assert busy.stats().delivered == 1

for _ in range(10):
    wait(fork(in_the_child))
stop.set()
for thread in threads:
    thread.join()
busy.shutdown()
assert busy.stats().delivered == busy.stats().accepted
say("done")
""",
            ["done"],
        )

    def test_a_daemon(self):
        self.check(
            """
producer.produce("t", "v", tag=1)

def first():
    os.setsid()
    wait(fork(lambda: producer.produce("t", "v", tag=2)))

wait(fork(first))
""",
            ["child DELIVERED 2", "parent DELIVERED 1"],
        )

    def test_the_reader_of_the_parent_keeps_its_descriptor(self):
        self.check(
            """
for tag in range(5):
    assert producer.send("t", "v") and producer.flush() is None
    wait(fork(lambda: producer.close()))
producer._on_event = None
producer.shutdown()
say(producer.stats().delivered)
""",
            ["parent DELIVERED 0"] * 5 + ["5"],
        )

    def test_r51_a_fork_that_python_does_not_see(self):
        # As uWSGI forks its workers: in C, without the hooks of os.register_at_fork.
        self.check(
            """
import ctypes

producer.produce("t", "v", tag=1)
future = producer.send("t", "v")
child = ctypes.PyDLL(None).fork()
if child == 0:
    name = "child"
    producer.produce("t", "v", tag=2)
    own = producer.send("t", "v")
    producer.flush()
    assert own.result(60).topic == "t" and not future.done()
    producer.produce("t", "v", tag=3)
    sys.exit()
wait(child)
producer.flush()
assert future.done()
""",
            [*(f"child DELIVERED {tag}" for tag in (0, 2, 3)), *(f"parent DELIVERED {tag}" for tag in (0, 1))],
        )

    def test_r51_an_asyncio_server_whose_forks_python_does_not_see(self):
        self.check(
            """
import ctypes

from_loop = AsyncProducer(config, on_event=delivered, events=EventType.DELIVERED)

async def use(tag):
    await from_loop.produce("t", "v", tag=tag)
    await from_loop.flush()

asyncio.run(use(1), debug=False)
child = ctypes.PyDLL(None).fork()
if child == 0:
    name = "child"
    asyncio.run(use(2), debug=False)
    sys.exit()
wait(child)
asyncio.run(use(3), debug=False)
""",
            ["child DELIVERED 2", "parent DELIVERED 1", "parent DELIVERED 3"],
        )

    def test_r51_a_handler_that_forks(self):
        # The child returns from the handler: what else was read is the parent's to tell.
        self.check(
            """
def fork_at_the_second(event):
    delivered(event)
    if event.tag == 2:
        child = os.fork()
        if child == 0:
            global name
            name = "child"
        else:
            wait(child)

producer._on_event = fork_at_the_second
for tag in range(1, 6):
    producer.produce("t", "v", tag=tag)
producer.flush()
""",
            [f"parent DELIVERED {tag}" for tag in range(1, 6)],
        )

    def test_r51_children_are_told_of_nothing_of_the_parents(self):
        # Forked while events wait to be read, are read, and are told; the tags say whose they are.
        self.check(
            """
ROUNDS, AT_ONCE, LIMIT = 6, 8, 60

class Tally:
    def __init__(self):
        self.tags, self.settled, self.futures = [], [], []
    def __call__(self, event):
        self.tags.append(event.tag)

tally = Tally()
busy = Producer(config, on_event=tally, events=EventType.DELIVERED, delivery_threshold=10, overflow_wait=LIMIT)
stop = threading.Event()

def use(number):
    busy.produce("t", "v", tag=(os.getpid() << 32) + number)
    future = busy.send("t", "v")
    future.add_done_callback(tally.settled.append)
    return future

def produce():
    for number in range(10**9):
        tally.futures.append(use(number))
        if stop.wait(0.0005):
            return

def in_the_child():
    # The parent's futures must not be touched: the reader may have held the lock of one.
    tally.settled.clear()
    tally.tags.clear()
    own = [use(number) for number in range(5)]
    busy.flush(LIMIT)
    assert all(future.done() for future in own)
    assert sorted(tally.tags) == [0] * 5 + [(os.getpid() << 32) + number for number in range(5)], tally.tags
    assert set(tally.settled) == set(own), "the parent's future is done"
    os._exit(0)

thread = threading.Thread(target=produce)
thread.start()
for _ in range(ROUNDS):
    for child in [fork(in_the_child) for _ in range(AT_ONCE)]:
        wait(child)
stop.set()
thread.join()
busy.shutdown(LIMIT)
assert len(tally.tags) == busy.stats().accepted == 2 * len(tally.futures)
tagged = [tag for tag in tally.tags if tag]
assert len(set(tagged)) == len(tagged)
assert all(future.result().topic == "t" for future in tally.futures)
""",
            [],
        )

    def test_asyncio_in_both(self):
        self.check(
            """
from_loop = AsyncProducer(config, on_event=None)

async def use():
    future = await from_loop.send("t", "v")
    from_loop.deliver()
    return (await future).topic

async def main():
    assert await use() == "t"
    child = os.fork()
    if child == 0:
        # The parent's loop must not be touched here; a loop of the child's own takes over.
        thread = threading.Thread(target=lambda: asyncio.run(use(), debug=False))
        thread.start()
        thread.join()
        say("child", from_loop.stats().delivered)
        os._exit(0)
    wait(child)
    assert await use() == "t"
    await from_loop.shutdown()
    say("parent", from_loop.stats().delivered)

asyncio.run(main(), debug=False)
""",
            ["child 1", "parent 2"],
        )


class Multiprocessing(TestCase):
    def check(self, method, expected):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "workers.py")
            with open(path, "w") as file:
                file.write(WORKERS)
            program = "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
            ran = run_python(program, path, method)
        self.assertEqual((ran.stdout, ran.returncode), (expected, 0), ran.stderr)

    def test_fork(self):
        self.check("fork", "[100, 100, 100, 100]\n1\n")

    def test_spawn(self):
        self.check("spawn", "[100, 100, 100, 100]\n")

    def test_forkserver(self):
        self.check("forkserver", "[100, 100, 100, 100]\n")

    def test_a_producer_cannot_be_pickled(self):
        producer = self.producer({"test.mock.num.brokers": 1})
        with self.assertRaisesRegex(TypeError, "a Producer cannot be pickled"):
            pickle.dumps(producer)
