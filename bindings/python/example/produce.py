"""Sends messages to Kafka: python3 produce.py [count] [topic]

BROKERS=host:port,... is a real Kafka; without it a mock cluster inside the process plays one. Ctrl-C stops producing,
and what was accepted is still delivered; a second one drops it. Ends with 0 where everything was delivered, with 130
after Ctrl-C.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress

from async_producer import Event, EventType, Producer, Undelivered


def tell(event: Event) -> None:
    print(f"{event.type.name}: {event.text}", file=sys.stderr)


def make_producer() -> Producer:
    brokers = os.environ.get("BROKERS")
    return Producer(
        {"bootstrap.servers": brokers} if brokers else {"test.mock.num.brokers": 1},
        delivery_threshold=1000,
        delivery_interval=0.5,
        max_queue_size=10_000,
        max_buffer_size=10_000,
        overflow_wait=1_000_000,  # At a full queue wait for room, however long an outage takes; Ctrl-C ends it.
        on_event=tell,
        events=EventType.FAILED | EventType.STALLED | EventType.ERROR,
    )


class Interrupts:
    """What Ctrl-C does: the first one ends producing, the second drops what is left."""

    def __init__(self, producer: Producer) -> None:
        self.count = 0
        self.producing = True
        self._producer = producer

    def __call__(self, number: int, frame: object) -> None:
        self.count += 1
        if self.count > 1:
            with suppress(Undelivered):
                self._producer.shutdown(0)  # shortens the one that is under way
            return
        print("interrupted: delivering what was accepted; Ctrl-C again to drop it", file=sys.stderr)
        if self.producing:
            raise KeyboardInterrupt


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    topic = sys.argv[2] if len(sys.argv) > 2 else "demo"
    producer = make_producer()
    interrupts = Interrupts(producer)
    with suppress(KeyboardInterrupt):
        signal.signal(signal.SIGINT, interrupts)
        for number in range(count):
            producer.produce(topic, f"message {number}", key=str(number))
        interrupts.producing = False
    with suppress(Undelivered):
        producer.shutdown()
    stats = producer.stats()
    producer.close()
    lost = stats.failed + stats.dropped
    print(f"{stats.delivered} of {count} messages delivered to {topic}, {stats.accepted} accepted, {lost} lost")
    return 130 if interrupts.count else int(stats.delivered < count)


if __name__ == "__main__":
    sys.exit(main())
