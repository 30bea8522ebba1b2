"""The conformance scenario of tests/conformance: one line a step, the same in every language."""

import os
import sys
import threading

from async_producer import BufferOverflow, EventType, Producer, ProducerError, Status, library_version

LONG = 60
BROKERS = os.environ["BROKERS"]
TOPIC = os.environ["TOPIC"]
A = {"bootstrap.servers": "127.0.0.1:1", "max_queue_size": 10, "max_buffer_size": 5}
B = {"bootstrap.servers": BROKERS}
C = {"bootstrap.servers": BROKERS, "max_queue_size": 1000, "delivery_threshold": 100, "delivery_interval": 0.1}


class Reports:
    """A handler that keeps the settlements, for those who wait for them."""

    def __init__(self):
        self.events = []
        self._changed = threading.Condition()

    def __call__(self, event):
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def wait(self, count):
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.events) >= count, LONG):
                sys.exit(f"{len(self.events)} of {count} reports came")

    def count(self, *types):
        return sum(event.type in types for event in self.events)

    def in_order(self):
        return sorted(self.events, key=lambda event: event.tag)


def make(config, **properties):
    reports = Reports()
    return Producer(config, on_event=reports, events=EventType.SETTLEMENTS, **properties), reports


def attempt(call, *arguments, **keywords):
    """The status of a call, and its error."""
    try:
        call(*arguments, **keywords)
        return Status.OK, None
    except ProducerError as error:
        return error.status, error


def named(error, name):
    return "yes" if name in str(error) else "no"


def version():
    print("version", ".".join(library_version().split(".")[:2]))


def configuration():
    for step, config, name in (
        ("unknown", {**A, "no.such.property": "1"}, "no.such.property"),
        ("range", {**A, "max_queue_size": 0}, "max_queue_size"),
        ("missing", {}, "bootstrap.servers"),
    ):
        status, error = attempt(Producer, config)
        print(step, status, named(error, name))


def refusals():
    producer, reports = make(A)
    print("topic", attempt(producer.produce, "bad topic", "v")[0])
    print("large", attempt(producer.produce, "nowhere", bytes(2_000_000))[0])
    accepted, status = 0, Status.OK
    while status == Status.OK:
        status, _ = attempt(producer.produce, "nowhere", f"value-{accepted}")
        accepted += status == Status.OK
    print(f"overflow accepted={accepted} {status}")

    status, _ = attempt(producer.shutdown, 0)
    dropped, failed = reports.count(EventType.DROPPED), reports.count(EventType.FAILED)
    values = sorted(
        (event.message.value.decode() for event in reports.events), key=lambda text: int(text.split("-")[1])
    )
    print(f"drop {status} dropped={dropped} failed={failed} values={values[0]}..{values[-1]}")
    print("closed", attempt(producer.produce, "nowhere", "v")[0])
    producer.close()


def clear():
    producer, reports = make(A)
    for _ in range(3):
        producer.produce("nowhere", "v")
    cleared = producer.clear()
    reports.wait(3)
    print(f"clear cleared={cleared} dropped={reports.count(EventType.DROPPED)} flush={attempt(producer.flush, 0)[0]}")
    producer.shutdown()
    producer.close()


def policies():
    topic = f"{TOPIC}-policy"

    producer, reports = make(B, delivery_threshold=5)
    for _ in range(4):
        producer.produce(topic, "v")
    before = producer.stats().delivered
    producer.produce(topic, "v")
    reports.wait(5)
    print(f"threshold before={before} delivered={reports.count(EventType.DELIVERED)}")
    end(producer)

    producer, reports = make(B, delivery_interval=0.1)
    for _ in range(3):
        producer.produce(topic, "v")
    reports.wait(3)
    print(f"interval delivered={reports.count(EventType.DELIVERED)}")
    end(producer)

    producer, reports = make(B)
    for _ in range(3):
        producer.produce(topic, "v")
    before = producer.stats().delivered
    producer.deliver()
    reports.wait(3)
    print(f"manual before={before} delivered={reports.count(EventType.DELIVERED)}")
    end(producer)


def end(producer):
    status, _ = attempt(producer.shutdown)
    producer.close()
    return status


def records():
    producer, reports = make(B)
    topic = f"{TOPIC}-records"
    producer.produce(topic, "a", timestamp=1700000000001, tag=1)
    producer.produce(topic, None, key="k", timestamp=1700000000002, tag=2)
    producer.produce(topic, "", key="", partition=0, timestamp=1700000000003, tag=3)
    headers = [("h1", "v1"), ("h2", None), ("h3", ""), ("h1", "again")]
    producer.produce(topic, "d", key="k", partition_key="other", headers=headers, timestamp=1700000000123, tag=4)
    flush, _ = attempt(producer.flush)
    reports.wait(4)
    places = ",".join(f"{event.partition}:{event.offset}" for event in reports.in_order())
    print(f"records flush={flush} reports={places} shutdown={end(producer)}")


def batch():
    producer, _ = make(B, max_queue_size=5000)
    numbers = range(1000)
    status, overflow = attempt(
        producer.produce_many, f"{TOPIC}-batch", [f"batch-{n}" for n in numbers], [f"k-{n}" for n in numbers]
    )
    taken = len(numbers) if status == Status.OK else overflow.accepted
    print(f"batch taken={taken} flush={attempt(producer.flush)[0]}")
    end(producer)


def keys():
    producer, reports = make(B)
    for number in range(100):
        producer.produce(f"{TOPIC}-keys", f"key-{number}", key=f"key-{number}", tag=number)
    producer.flush()
    reports.wait(100)
    print("keys", "".join(str(event.partition) for event in reports.in_order()))
    end(producer)


def fork():
    producer, _ = make(B)
    topic = f"{TOPIC}-fork"
    for number in range(3):
        producer.produce(topic, f"parent-{number}")
    child = os.fork()
    if child == 0:
        producer.produce(topic, "child-0")
        producer.produce(topic, "child-1")
        os._exit(0 if attempt(producer.flush)[0] == Status.OK else 1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status, _ = attempt(producer.flush)
    print(f"fork child={code} parent={status} delivered={producer.stats().delivered}")
    end(producer)


def bulk():
    producer, reports = make(C)
    refused = "no"
    for number in range(100_000):
        while True:
            seen = len(reports.events)
            try:
                producer.produce(f"{TOPIC}-bulk", f"message-{number:06}")
                break
            except BufferOverflow:
                refused = "yes"
                reports.wait(seen + 1)
    shutdown, _ = attempt(producer.shutdown)
    delivered = reports.count(EventType.DELIVERED)
    failed = reports.count(EventType.FAILED, EventType.DROPPED)
    accepted = producer.stats().accepted
    print(f"bulk delivered={delivered} failed={failed} refused={refused} shutdown={shutdown} accepted={accepted}")
    producer.close()


def main():
    # What a fork inherits of a buffer it prints again.
    sys.stdout.reconfigure(line_buffering=True)
    for step in (version, configuration, refusals, clear, policies, records, batch, keys, fork, bulk):
        step()


if __name__ == "__main__":
    main()
