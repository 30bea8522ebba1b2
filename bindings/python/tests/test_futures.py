"""Futures of messages."""

import concurrent.futures
import pickle
import threading

from async_producer import Delivery, DeliveryFailed, EventType, Persistence, ProducerError, ShutDown, Status

from .support import LONG, MOCK, NOWHERE, ROOM, TINY, Events, TestCase


class Futures(TestCase):
    def test_a_delivery_says_where(self):
        producer = self.producer(MOCK)
        first = producer.send("t", "v", key="k", partition=2, timestamp=1700000000001).result(LONG)
        second = producer.send("t", None, partition=2).result(LONG)
        self.assertIsInstance(first, Delivery)
        self.assertEqual((first.topic, first.partition, first.timestamp), ("t", 2, 1700000000001))
        self.assertEqual(second.offset, first.offset + 1)

    def test_many_each_its_own(self):
        producer = self.producer(MOCK, delivery_threshold=100, max_queue_size=2000)
        futures = [producer.send("t", str(number)) for number in range(1000)]
        producer.flush(LONG)
        places = {future.result(LONG)[1:3] for future in futures}
        self.assertEqual(len(places), 1000)

    def test_a_failure_has_everything(self):
        producer = self.producer(MOCK, max_retries=0)
        future = producer.send("t", "v", key="k", partition=4711, headers={"h": None})
        failure = future.exception(LONG)
        self.assertIsInstance(failure, (DeliveryFailed, ProducerError))
        self.assertEqual((failure.status, failure.persistence), (Status.UNDELIVERED, Persistence.NO))
        self.assertNotEqual(failure.kafka_error, 0)
        self.assertIn("not delivered", str(failure))
        message = failure.message
        self.assertEqual((message.topic, message.key, message.value, message.partition), ("t", b"k", b"v", 4711))
        self.assertEqual((message.headers, message.tag), ((("h", None),), 0))

    def test_dropped_by_clear(self):
        producer = self.producer(NOWHERE)
        future = producer.send("t", "v")
        producer.clear()
        failure = future.exception(LONG)
        self.assertEqual((str(failure), failure.message.value), ("dropped before it was delivered", b"v"))
        self.assertEqual(self.events.wait(EventType.DROPPED)[0].tag, 0, "the tag of a future is nobody's business")

    def test_dropped_by_shutdown_and_by_close(self):
        for end in (lambda producer: self.assertRaises(ProducerError, producer.shutdown, 0), lambda p: p.close()):
            producer = self.producer(NOWHERE)
            future = producer.send("t", "v")
            end(producer)
            self.assertTrue(future.done(), "when the call returns")
            self.assertIsInstance(future.exception(), DeliveryFailed)

    def test_nothing_is_kept_for_settled_messages(self):
        producer = self.producer(TINY)
        futures = [producer.send("t", "v") for _ in range(ROOM)]
        self.assertEqual(len(producer._awaited), ROOM)
        producer.clear()
        concurrent.futures.wait(futures, LONG)
        self.eventually(lambda: not producer._awaited)

    def test_a_cancelled_future_does_not_withdraw_the_message(self):
        producer = self.producer({"test.mock.num.brokers": 1}, EventType.DELIVERED)
        future = producer.send("t", "v")
        self.assertTrue(future.cancel())
        producer.deliver()
        self.events.wait(EventType.DELIVERED)
        self.assertTrue(future.cancelled())
        self.assertEqual(producer.send("t", "v") and producer.flush(LONG), None, "the reader is alive")

    def test_a_callback_that_raises_does_not_stop_the_reader(self):
        producer = self.producer(MOCK)
        with self.assertLogs("concurrent.futures", "ERROR"):
            first = producer.send("t", "v")
            first.add_done_callback(lambda future: 1 / 0)
            first.result(LONG)
            producer.send("t", "v").result(LONG)

    def test_a_callback_may_send(self):
        producer = self.producer(MOCK)
        second = []
        done = threading.Event()

        def chain(future):
            second.append(producer.send("t", "second"))
            second[0].add_done_callback(lambda future: done.set())

        producer.send("t", "first").add_done_callback(chain)
        self.assertTrue(done.wait(LONG))

    def test_a_future_left_by_a_handler_that_is_too_slow(self):
        gate = threading.Event()
        self.addCleanup(gate.set)
        producer = self.producer(MOCK)
        self.events.__class__ = type("Slow", (Events,), {"__call__": lambda self, event: gate.wait(LONG)})
        producer.produce("t", "v", partition=4711)
        self.eventually(lambda: producer._telling is not None)  # The reader is in the handler from here on.
        future = producer.send("t", "v")
        producer.close()
        self.assertIsInstance(future.exception(LONG), ShutDown)

    def test_failures_can_be_pickled(self):
        producer = self.producer(NOWHERE)
        future = producer.send("t", "v")
        producer.clear()
        failure = pickle.loads(pickle.dumps(future.exception(LONG)))
        self.assertEqual((failure.message.value, failure.status), (b"v", future.exception().status))
