"""S5: a full queue refuses, waits where that is wanted, and recovers."""

import threading
import time

from async_producer import BufferOverflow, EventType, Producer, ProducerError, ShutDown, Status

from .support import LONG, MOCK, ROOM, TINY, TestCase, fill

#: A wait that ends with room or not at all.
FOR_EVER = 1_000_000


class Overflow(TestCase):
    def test_S5_the_limit_is_exact_and_the_refusal_typed(self):
        producer = self.producer(TINY)
        count, overflow = fill(producer)
        self.assertEqual(count, ROOM)
        self.assertIsInstance(overflow, (BufferOverflow, ProducerError, BufferError))
        self.assertEqual((overflow.status, str(overflow.status)), (Status.BUFFER_OVERFLOW, "AP_ERR_BUFFER_OVERFLOW"))
        self.assertEqual(producer.stats().overflowed, 1)

    def test_S5_room_comes_back(self):
        producer = self.producer({**MOCK, "max_queue_size": 10, "max_buffer_size": 5})
        accepted = refused = 0
        while accepted < 500:
            try:
                producer.produce("t", b"v")
                accepted += 1
            except BufferOverflow:
                refused += 1
        producer.shutdown(LONG)
        self.assertEqual((producer.stats().delivered, producer.stats().overflowed), (500, refused))

    def test_messages_dropped_by_clear_make_room_without_a_handler(self):
        producer = Producer(TINY, on_event=None)
        self.addCleanup(producer.close)
        for _ in range(3):
            self.assertEqual(fill(producer)[0], ROOM)
            self.assertEqual(producer.clear(), ROOM)
            self.eventually(lambda: producer.stats().pending_bytes == 0)

    def test_a_batch_is_taken_from_the_front(self):
        producer = self.producer(TINY)
        with self.assertRaises(BufferOverflow) as raised:
            producer.produce_many("t", [f"value-{number}" for number in range(100)])
        self.assertEqual(raised.exception.accepted, ROOM)
        producer.clear()
        dropped = [event.message.value.decode() for event in self.events.wait(EventType.DROPPED, ROOM)]
        self.assertEqual(dropped, [f"value-{number}" for number in range(ROOM)])

    def test_a_future_that_met_no_room_is_forgotten(self):
        producer = self.producer(TINY)
        fill(producer)
        with self.assertRaises(BufferOverflow):
            producer.send("t", "v")
        self.assertEqual(producer._awaited, {})


class Waiting(TestCase):
    """With the property overflow_wait."""

    def test_a_wait_ends_when_there_is_room(self):
        producer = self.producer({**MOCK, "max_queue_size": 10, "max_buffer_size": 5}, overflow_wait=FOR_EVER)
        for _ in range(500):
            producer.produce("t", b"v")
        producer.shutdown(LONG)
        self.assertEqual(producer.stats().delivered, 500)

    def test_a_wait_delivers_what_no_policy_would(self):
        # Neither a threshold nor an interval, and the limit of bytes is reached before the buffer is full.
        config = {"test.mock.num.brokers": 1, "max_pending_bytes": 10_000}
        producer = self.producer(config, overflow_wait=FOR_EVER)
        for _ in range(50):
            producer.produce("t", b"x" * 1000)
        producer.shutdown(LONG)
        self.assertEqual(producer.stats().delivered, 50)

    def test_a_batch_waits_for_room_for_all_of_it(self):
        producer = self.producer({**MOCK, "max_queue_size": 10, "max_buffer_size": 5}, overflow_wait=FOR_EVER)
        producer.produce_many("t", [str(number) for number in range(500)], [str(number) for number in range(500)])
        producer.shutdown(LONG)
        self.assertEqual(producer.stats().delivered, 500)

    def test_a_wait_that_is_over_is_an_overflow(self):
        producer = self.producer(TINY, overflow_wait=0.05)
        self.assertEqual(fill(producer)[0], ROOM)
        self.assertFalse(producer._line.waiting, "nobody is left in the line")
        with self.assertRaises(BufferOverflow) as raised:
            producer.produce_many("t", ["a", "b"])
        self.assertEqual(raised.exception.accepted, 0)

    def test_first_come_first_served(self):
        producer = self.producer(TINY, overflow_wait=FOR_EVER)
        producer.produce_many("t", ["in front"] * ROOM)
        threads = []
        for number in range(5):
            thread = threading.Thread(target=producer.produce, args=("t", f"waited-{number}"))
            thread.start()
            threads.append(thread)
            self.eventually(lambda: len(producer._line.waiting) == len(threads))
        producer.clear()
        for thread in threads:
            thread.join(LONG)
        self.eventually(lambda: producer.stats().queue_size + producer.stats().buffer_size == len(threads))
        producer.clear()
        dropped = self.events.wait(EventType.DROPPED, ROOM + len(threads))[ROOM:]
        self.assertEqual([event.message.value for event in dropped], [b"waited-%d" % number for number in range(5)])

    def test_a_newcomer_does_not_overtake(self):
        producer = self.producer(TINY, overflow_wait=FOR_EVER)
        producer.produce_many("t", ["in front"] * ROOM)
        order = []
        waiting = threading.Thread(target=lambda: (producer.produce_many("t", ["a"] * ROOM), order.append("first")))
        waiting.start()
        self.eventually(lambda: producer._line.waiting)
        newcomer = threading.Thread(target=lambda: (producer.produce("t", "b"), order.append("second")))
        newcomer.start()
        self.eventually(lambda: len(producer._line.waiting) == 2)
        producer.clear()
        waiting.join(LONG)
        self.eventually(lambda: producer.stats().queue_size + producer.stats().buffer_size >= ROOM)
        producer.clear()
        newcomer.join(LONG)
        self.assertEqual(order, ["first", "second"])

    def test_shutdown_refuses_those_who_wait(self):
        producer = self.producer(TINY, overflow_wait=FOR_EVER)
        producer.produce_many("t", ["v"] * ROOM)
        refusals = []

        def wait():
            try:
                producer.produce("t", "v")
            except ShutDown as refusal:
                refusals.append(refusal)

        threads = [threading.Thread(target=wait) for _ in range(3)]
        for thread in threads:
            thread.start()
        self.eventually(lambda: len(producer._line.waiting) == 3)
        with self.assertRaises(ProducerError):
            producer.shutdown(0)
        for thread in threads:
            thread.join(LONG)
        self.assertEqual(len(refusals), 3)

    def test_a_handler_is_not_made_to_wait(self):
        outcomes = []

        def handler(event):
            if event.type == EventType.DROPPED and not outcomes:
                try:
                    while True:
                        producer.produce("t", "from the handler")
                except ProducerError as refusal:
                    outcomes.append(type(refusal))

        producer = Producer(TINY, on_event=handler, overflow_wait=FOR_EVER)
        self.addCleanup(producer.close)
        producer.produce("t", "v")
        producer.clear()
        self.eventually(lambda: outcomes)
        self.assertEqual(outcomes, [BufferOverflow])

    def test_other_threads_run_during_a_wait(self):
        producer = self.producer(TINY, overflow_wait=FOR_EVER)
        producer.produce_many("t", ["v"] * ROOM)
        waiting = threading.Thread(target=producer.produce, args=("t", "v"))
        waiting.start()
        self.eventually(lambda: producer._line.waiting)
        ticks = 0
        deadline = time.monotonic() + 0.2
        while time.monotonic() < deadline:
            ticks += 1
        self.assertTrue(waiting.is_alive())
        self.assertGreater(ticks, 100)
        producer.clear()
        waiting.join(LONG)
        self.assertFalse(waiting.is_alive())
