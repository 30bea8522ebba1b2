"""Servers that fork their workers, against a real Kafka: `prefork.py BROKERS TOPIC SHAPE`, run by test_prefork.py.

The parent makes a producer and sends with it before, while and after the workers are forked. Each worker goes on with
the inherited one and makes another of its own. Every message is `who:number`. What is printed: who sent how many, when
each worker began to end, and when it was gone.
"""

import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor

from async_producer import EventType, Producer

WORKERS = 8
EACH = 200
LONG = 60.0

brokers, topic = sys.argv[1:3]
inherited = None
pid = os.getpid()


def say(*words):
    # In one piece: several processes write at the same time.
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


class Told:
    """A handler that knows whose messages it may be told of: the tags of a process begin with its number."""

    def __call__(self, event):
        if event.tag >> 32 != os.getpid():
            say("foreign", os.getpid(), event.tag)


def make():
    return Producer(
        {"bootstrap.servers": brokers, "delivery_threshold": 50},
        on_event=Told(),
        events=EventType.SETTLEMENTS,
        overflow_wait=LONG,
    )


def send(producer, who, count=EACH):
    for number in range(count):
        producer.produce(topic, f"{who}:{number}", tag=os.getpid() << 32)
    say("sent", who, count)


def work(number, way):
    """A worker's life, up to what is undelivered still where its way to end delivers it."""
    mine = make()
    send(inherited, f"{way}-{number}-inherited")
    send(mine, f"{way}-{number}-own")
    mine.shutdown(LONG)
    if way not in ENDS_DELIVERED:
        inherited.flush(LONG)
    say("ends", os.getpid(), time.monotonic_ns())


#: Ways to end that go through atexit: those of children of os.fork alone, as multiprocessing leaves by os._exit.
ENDS_DELIVERED = ("return", "exit", "raise", "terminate")


def end(way):
    if way.endswith("exit"):
        sys.exit(0)
    if way.endswith("leave"):
        os._exit(0)
    if way.endswith("raise"):
        raise RuntimeError("the worker ends by an exception")
    if way.endswith("terminate"):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        os.kill(os.getpid(), signal.SIGTERM)
    if way.endswith("killed"):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)


def process(number, way):
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115 -- for the exception that some end by
    work(number, way)
    end(way)


def fork(way, number):
    child = os.fork()
    if child:
        return child
    process(number, way)
    sys.exit(0)


def wait_for_all(children):
    for _ in children:
        child, _ = os.wait()
        say("ended", child, time.monotonic_ns())


def os_fork():
    ways = ("return", "exit", "leave", "raise", "terminate", "killed", "leave", "return")
    wait_for_all([fork(way, number) for number, way in enumerate(ways)])


def processes():
    ways = ("mp-return", "mp-exit", "mp-leave", "mp-raise", "mp-killed", "mp-return", "mp-exit", "mp-return")
    context = multiprocessing.get_context("fork")
    running = [context.Process(target=process, args=item) for item in enumerate(ways)]
    for one in running:
        one.start()
    while running:
        ready = multiprocessing.connection.wait([one.sentinel for one in running])
        now = time.monotonic_ns()
        for one in [one for one in running if one.sentinel in ready]:
            one.join()
            say("ended", one.pid, now)
            running.remove(one)


def job(number):
    who = f"job-{number}"
    send(inherited or own(), who)
    (inherited or own()).flush(LONG)


def own():
    global inherited
    inherited = make()
    return inherited


def pools(method):
    context = multiprocessing.get_context(method)
    with context.Pool(4) as pool:
        pool.map(job, [f"{method}-pool-{number}" for number in range(WORKERS)], chunksize=1)
    with ProcessPoolExecutor(4, mp_context=context) as executor:
        list(executor.map(job, [f"{method}-executor-{number}" for number in range(WORKERS)]))


def multiprocessing_fork():
    processes()
    pools("fork")


def in_parent(body):
    """Has the parent send all the time while the body forks."""
    global inherited
    inherited = make()
    stop = threading.Event()
    send(inherited, "before")

    def go_on():
        number = 0
        while not stop.is_set():
            inherited.produce(topic, f"while:{number}", tag=pid << 32)
            number += 1
            stop.wait(0.001)
        say("sent", "while", number)

    thread = threading.Thread(target=go_on)
    thread.start()
    body()
    stop.set()
    thread.join()
    send(inherited, "after")
    inherited.shutdown(LONG)
    stats = inherited.stats()
    assert stats.accepted == stats.delivered, stats


if __name__ == "__main__":
    shape = sys.argv[3]
    if shape == "server":
        in_parent(os_fork)
    elif shape == "multiprocessing":
        in_parent(multiprocessing_fork)
    else:
        for method in ("spawn", "forkserver"):
            pools(method)
