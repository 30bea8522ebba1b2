"""S7 and S8: many threads, and a shutdown in their midst."""

import functools
import threading

from async_producer import EventType, ProducerError, ShutDown

from .support import LONG, MOCK, NOWHERE, TestCase


class Threads(TestCase):
    def test_S7_four_threads_produce_each_message_exactly_once(self):
        each = 2500
        producer = self.producer(
            MOCK, EventType.DELIVERED, delivery_threshold=500, max_queue_size=500, overflow_wait=LONG
        )

        def produce(number):
            for tag in range(each):
                producer.produce("t", b"v", tag=number * each + tag)

        self.run_all([functools.partial(produce, number) for number in range(4)])
        producer.shutdown(LONG)
        tags = sorted(event.tag for event in self.events.of(EventType.DELIVERED))
        self.assertEqual(tags, list(range(4 * each)))

    def test_S8_shutdown_races_with_producing(self):
        for _ in range(10):
            producer = self.producer(MOCK, max_queue_size=100_000)
            produce = functools.partial(producer.produce, "t", b"v")
            counts, strange = self.race([produce] * 4, producer.shutdown)
            self.assertEqual(strange, [])
            self.assertEqual(producer.stats().delivered, sum(counts))
            producer.close()

    def test_S8_close_races_with_everything(self):
        for _ in range(20):
            producer = self.producer(NOWHERE, max_queue_size=100_000)
            produce, send = (functools.partial(call, "t", b"v") for call in (producer.produce, producer.send))
            _, strange = self.race([produce, send, producer.clear], producer.close)
            self.assertEqual(strange, [])

    def race(self, calls, end):
        """Makes calls until they are refused as too late; how many of each were done, and other refusals."""
        counts, strange = [], []
        begun = threading.Barrier(len(calls) + 1, timeout=LONG)

        def use(call):
            begun.wait()
            count = 0
            try:
                while True:
                    call()
                    count += 1
            except ShutDown:
                counts.append(count)
            except ProducerError as error:
                strange.append(error)

        def finish():
            begun.wait()
            end()

        self.run_all([functools.partial(use, call) for call in calls] + [finish])
        return counts, strange

    def run_all(self, bodies):
        threads = [threading.Thread(target=body) for body in bodies]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LONG)
            self.assertFalse(thread.is_alive(), "a thread hangs")
