"""What a call of the binding costs: nanoseconds of the calling thread per message, one by one and many at a time.

Nobody listens at the address and the queue has room for all, so that only the call is measured. Each figure is the best
of 5 rounds of 500,000 messages of 100 bytes, after one to warm up.
"""

import time

from async_producer import Producer

MESSAGES = 500_000
ROUNDS = 5
BATCH = 100
VALUE = b"x" * 100
HEADERS = [("trace", b"0123456789abcdef"), ("source", "bench")]


def one_by_one(producer):
    for _ in range(MESSAGES):
        producer.produce("bench", VALUE)


def with_a_key(producer):
    for _ in range(MESSAGES):
        producer.produce("bench", VALUE, key=b"key")


def with_two_headers(producer):
    for _ in range(MESSAGES):
        producer.produce("bench", VALUE, headers=HEADERS)


def batches_of_100(producer):
    values = [VALUE] * BATCH
    for _ in range(MESSAGES // BATCH):
        producer.produce_many("bench", values)


def round_ns(producer, body):
    began = time.thread_time_ns()
    body(producer)
    taken = time.thread_time_ns() - began
    producer.clear()
    while producer.stats().pending_bytes:
        time.sleep(0.01)  # The events of what was dropped are being read.
    return taken / MESSAGES


def main():
    config = {"bootstrap.servers": "127.0.0.1:1", "max_queue_size": 1_000_000, "max_pending_bytes": 0}
    with Producer(config, on_event=None) as producer:
        for body in (one_by_one, with_a_key, with_two_headers, batches_of_100):
            rounds = [round_ns(producer, body) for _ in range(1 + ROUNDS)]
            print(f"{body.__name__:<18} {min(rounds[1:]):6.0f} ns")


if __name__ == "__main__":
    main()
