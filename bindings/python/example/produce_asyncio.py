"""Sends messages to Kafka from an event loop: python3 produce_asyncio.py [count] [topic]

BROKERS=host:port,... is a real Kafka; without it a mock cluster inside the process plays one. Ctrl-C stops producing,
and what was accepted is still delivered; a second one drops it. Ends with 0 where everything was delivered, with 130
after Ctrl-C.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress

from async_producer import AsyncProducer, ShutDown, Undelivered


async def produce(producer: AsyncProducer, topic: str, count: int) -> None:
    for number in range(count):
        await producer.produce(topic, f"message {number}", key=str(number))  # waits where there is no room


async def run(topic: str, count: int) -> int:
    brokers = os.environ.get("BROKERS")
    producer = AsyncProducer(
        {"bootstrap.servers": brokers} if brokers else {"test.mock.num.brokers": 1},
        delivery_threshold=1000,
        delivery_interval=0.5,
        max_queue_size=10_000,
        max_buffer_size=10_000,
    )
    producing = asyncio.ensure_future(produce(producer, topic, count))
    interrupts = 0

    def interrupt() -> None:
        nonlocal interrupts
        interrupts += 1
        if interrupts == 1:
            print("interrupted: delivering what was accepted; Ctrl-C again to drop it", file=sys.stderr)
            producing.cancel()
        else:
            producer.close()  # ends the shutdown that is under way

    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupt)
    await asyncio.wait([producing])
    with suppress(Undelivered, ShutDown):
        await producer.shutdown()
    producer.close()
    stats = producer.stats()
    lost = stats.failed + stats.dropped
    print(f"{stats.delivered} of {count} messages delivered to {topic}, {stats.accepted} accepted, {lost} lost")
    return 130 if interrupts else int(stats.delivered < count)


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    return asyncio.run(run(sys.argv[2] if len(sys.argv) > 2 else "demo", count))


if __name__ == "__main__":
    sys.exit(main())
