"""Flush, shutdown, close, and the end of a `with`."""

import queue
import threading

from async_producer import EventType, InvalidArgument, Producer, ProducerError, ShutDown, TimedOut, Undelivered

from .support import LONG, MOCK, NOWHERE, ROOM, TINY, TestCase, fill, threads_of_the_package


class Flush(TestCase):
    def test_it_delivers_without_a_policy(self):
        producer = self.producer({"test.mock.num.brokers": 1})
        producer.produce("t", "v")
        producer.flush()
        self.assertEqual(producer.stats().delivered, 1)

    def test_everything_is_told_when_it_returns(self):
        producer = self.producer({"test.mock.num.brokers": 1}, EventType.DELIVERED)
        for round in range(1, 21):
            futures = [producer.send("t", str(number)) for number in range(50)]
            producer.flush()
            self.assertTrue(all(future.done() for future in futures))
            self.assertEqual(len(self.events.of(EventType.DELIVERED)), 50 * round)

    def test_a_handler_that_is_behind_is_not_waited_for_beyond_the_limit(self):
        gate = threading.Event()
        self.addCleanup(gate.set)
        producer = Producer(MOCK, on_event=lambda event: gate.wait(LONG), events=EventType.DELIVERED)
        self.addCleanup(producer.close)
        self.addCleanup(gate.set)
        producer.produce("t", "v")
        self.eventually(lambda: producer._telling is not None)
        producer.flush(0.05)
        producer.flush(0)

    def test_a_handler_that_waits_for_the_caller_is_not_waited_for(self):
        full = queue.Queue(1)
        producer = Producer(MOCK, on_event=full.put, events=EventType.DELIVERED)
        self.addCleanup(producer.close)
        for _ in range(5):
            producer.produce("t", "v")
        producer.flush()
        self.assertEqual([full.get(timeout=LONG).type for _ in range(5)], [EventType.DELIVERED] * 5)

    def test_a_deadline(self):
        producer = self.producer(NOWHERE)
        producer.produce("t", "v")
        for timeout in (0, 0.05):
            with self.assertRaises(TimedOut) as raised:
                producer.flush(timeout)
            self.assertIsInstance(raised.exception, TimeoutError)

    def test_undelivered(self):
        producer = self.producer({"test.mock.num.brokers": 1}, max_retries=0)
        producer.produce("t", "v", partition=4711)
        with self.assertRaises(Undelivered):
            producer.flush(LONG)

    def test_nothing_to_do(self):
        producer = self.producer(NOWHERE)
        producer.flush()
        producer.flush(0)

    def test_wrong_timeouts(self):
        producer = self.producer(NOWHERE)
        for timeout in (-1, float("nan")):
            for wait in (producer.flush, producer.shutdown):
                with self.assertRaisesRegex(InvalidArgument, "timeout is .*; None or 0 and more seconds are allowed"):
                    wait(timeout)
        with self.assertRaisesRegex(TypeError, "timeout must be a number of seconds or None, not str"):
            producer.flush("1")
        producer.flush(float("inf"))
        producer.shutdown(float("inf"))

    def test_many_at_a_time(self):
        producer = self.producer({"test.mock.num.brokers": 1})
        producer.produce("t", "v")
        threads = [threading.Thread(target=producer.flush) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LONG)
        self.assertEqual(producer.stats().delivered, 1)

    def test_other_threads_run_meanwhile(self):
        producer = self.producer(NOWHERE)
        producer.produce("t", "v")
        ticks = []
        done = threading.Event()
        ticker = threading.Thread(target=lambda: [ticks.append(1) for _ in iter(done.is_set, True)])
        ticker.start()
        with self.assertRaises(TimedOut):
            producer.flush(0.2)
        done.set()
        ticker.join(LONG)
        self.assertGreater(len(ticks), 100)


class Shutdown(TestCase):
    def test_everything_is_delivered_and_told_when_it_returns(self):
        producer = self.producer({"test.mock.num.brokers": 1}, EventType.DELIVERED)
        futures = [producer.send("t", str(number)) for number in range(500)]
        producer.shutdown()
        self.assertTrue(all(future.done() for future in futures))
        self.assertEqual(len(self.events.of(EventType.DELIVERED)), 500)
        self.assertEqual(producer.stats().delivered, 500)

    def test_what_is_left_is_handed_back(self):
        producer = self.producer(TINY)
        fill(producer)
        with self.assertRaises(Undelivered):
            producer.shutdown(0)
        values = [event.message.value.decode() for event in self.events.of(EventType.DROPPED)]
        self.assertEqual(sorted(values), sorted(f"value-{number}" for number in range(ROOM)))

    def test_afterwards_everything_is_refused(self):
        producer = self.producer(MOCK)
        producer.shutdown()
        for refused in (
            lambda: producer.produce("t"),
            lambda: producer.send("t"),
            lambda: producer.produce_many("t", ["v"]),
            producer.deliver,
            producer.clear,
            producer.flush,
        ):
            with self.assertRaises(ShutDown):
                refused()

    def test_a_second_one_answers_the_same(self):
        producer = self.producer(TINY)
        fill(producer)
        for _ in range(2):
            with self.assertRaises(Undelivered):
                producer.shutdown(0)

    def test_a_shorter_deadline_ends_a_wait_without_limit(self):
        producer = self.producer(NOWHERE)
        producer.produce("t", "v")
        answers = []

        def wait():
            try:
                producer.shutdown()
            except ProducerError as answer:
                answers.append(type(answer))

        waiting = threading.Thread(target=wait)
        waiting.start()
        self.eventually(lambda: any(thread.name == "async_producer call" for thread in threads_of_the_package()))
        with self.assertRaises(Undelivered):
            producer.shutdown(0)
        waiting.join(LONG)
        self.assertEqual(answers, [Undelivered])

    def test_the_thread_of_the_reader_ends(self):
        producer = self.producer(MOCK)
        producer.produce("t", "v")
        producer.shutdown()
        self.eventually(lambda: not threads_of_the_package())

    def test_without_anything_produced_there_never_was_a_thread(self):
        producer = self.producer(NOWHERE)
        producer.deliver()
        producer.stats()
        self.assertEqual(threads_of_the_package(), [])
        producer.shutdown()


class Close(TestCase):
    def test_S9_twice_and_use_after(self):
        producer = self.producer(MOCK)
        producer.produce("t", "v")
        producer.shutdown()
        producer.close()
        producer.close()
        producer.shutdown()
        self.assertEqual(producer.stats().delivered, 1)
        for refused in (
            lambda: producer.produce("t"),
            lambda: producer.send("t"),
            lambda: producer.produce_many("t", ["v"]),
            producer.deliver,
            producer.clear,
            producer.flush,
        ):
            with self.assertRaisesRegex(ShutDown, "^the producer is closed$"):
                refused()
        self.assertEqual(repr(producer), "<async_producer.Producer closed>")

    def test_before_anything_was_produced(self):
        producer = Producer(NOWHERE)
        producer.close()
        with self.assertRaises(ShutDown):
            producer.produce("t")

    def test_it_hands_back_what_is_undelivered(self):
        producer = self.producer(TINY)
        fill(producer)
        producer.close()
        self.assertEqual(len(self.events.of(EventType.DROPPED)), ROOM)
        self.assertEqual(producer.stats().dropped, ROOM)

    def test_it_ends_the_calls_of_other_threads(self):
        producer = self.producer(NOWHERE)
        producer.produce("t", "v")
        answers = []

        def wait():
            try:
                producer.flush()
            except ProducerError as answer:
                answers.append(answer)

        waiting = threading.Thread(target=wait)
        waiting.start()
        self.eventually(lambda: any(thread.name == "async_producer call" for thread in threads_of_the_package()))
        producer.close()
        waiting.join(LONG)
        self.assertEqual(len(answers), 1)


class With(TestCase):
    def test_its_end_delivers(self):
        with Producer({"test.mock.num.brokers": 1}) as producer:
            for _ in range(100):
                producer.produce("t", "v")
        self.assertEqual(producer.stats().delivered, 100)
        with self.assertRaises(ShutDown):
            producer.produce("t")

    def test_its_end_says_that_something_was_not_delivered(self):
        with self.assertRaises(Undelivered):
            with Producer({"test.mock.num.brokers": 1}, on_event=None, max_retries=0) as producer:
                producer.produce("t", "v", partition=4711)
        self.assertEqual(producer.stats().failed, 1)

    def test_an_exception_is_not_hidden_and_does_not_wait_for_ever(self):
        with self.assertRaises(ZeroDivisionError):
            with Producer(NOWHERE, on_event=None, exit_timeout=0.05) as producer:
                producer.produce("t", "v")
                raise ZeroDivisionError
        self.assertEqual(producer.stats().dropped, 1)

    def test_an_exception_does_not_lose_what_can_be_delivered(self):
        with self.assertRaises(ZeroDivisionError):
            with Producer({"test.mock.num.brokers": 1}, exit_timeout=LONG) as producer:
                producer.produce("t", "v")
                raise ZeroDivisionError
        self.assertEqual(producer.stats().delivered, 1)

    def test_closed_inside(self):
        with Producer(MOCK) as producer:
            producer.produce("t", "v")
            producer.shutdown()
            producer.close()
        self.assertEqual(producer.stats().delivered, 1)
