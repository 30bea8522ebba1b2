"""The producer of an event loop."""

import asyncio
import gc
import threading
import time
import unittest
import warnings
import weakref

from async_producer import (
    AsyncProducer,
    BufferOverflow,
    DeliveryFailed,
    EventType,
    InvalidArgument,
    ShutDown,
    TimedOut,
    Undelivered,
)

from .support import LONG, MOCK, NOWHERE, ROOM, TINY, open_descriptors, threads_of_the_package

MANUAL = {"test.mock.num.brokers": 1}


class AsyncTestCase(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        asyncio.get_running_loop().slow_callback_duration = LONG  # Nothing here is a measure of speed.

    def producer(self, config, **keywords):
        self.events = []
        keywords.setdefault("on_event", self.events.append)
        producer = AsyncProducer(config, **keywords)
        self.addCleanup(producer.close)
        return producer

    async def eventually(self, condition):
        deadline = time.monotonic() + LONG
        while not condition():
            self.assertLess(time.monotonic(), deadline, "it never happened")
            await asyncio.sleep(0.005)

    def told(self, kind):
        return [event for event in self.events if event.type == kind]


class Sending(AsyncTestCase):
    async def test_a_delivery_says_where(self):
        producer = self.producer(MOCK)
        first = await (await producer.send("t", "v", key="k", partition=2, timestamp=1700000000001))
        second = await (await producer.send("t", None, partition=2))
        self.assertEqual((first.topic, first.partition, first.timestamp), ("t", 2, 1700000000001))
        self.assertEqual(second.offset, first.offset + 1)

    async def test_a_failure_has_everything(self):
        producer = self.producer(MOCK, max_retries=0)
        future = await producer.send("t", "v", partition=4711, headers={"h": None})
        with self.assertRaises(DeliveryFailed) as raised:
            await future
        self.assertEqual((raised.exception.message.value, raised.exception.message.headers), (b"v", (("h", None),)))

    async def test_no_thread_reads(self):
        producer = self.producer(MOCK)
        await (await producer.send("t", "v"))
        self.assertEqual(threads_of_the_package(), [])

    async def test_S2_ten_thousand_each_exactly_once(self):
        count = 10_000
        producer = self.producer(MOCK, events=EventType.DELIVERED, delivery_threshold=500, max_queue_size=500)
        for tag in range(count):
            await producer.produce("t", b"v", tag=tag)
        await producer.shutdown(LONG)
        self.assertEqual(sorted(event.tag for event in self.told(EventType.DELIVERED)), list(range(count)))

    async def test_refusals_are_those_of_the_other_producer(self):
        producer = self.producer(TINY)
        with self.assertRaisesRegex(InvalidArgument, "the topic is 'bad topic'"):
            await producer.produce("bad topic")
        with self.assertRaisesRegex(TypeError, "value must be bytes"):
            await producer.send("t", 1)
        self.assertEqual(producer._awaited, {})


class Waiting(AsyncTestCase):
    async def test_a_wait_ends_when_there_is_room(self):
        producer = self.producer(MANUAL, max_queue_size=10, max_buffer_size=5)
        futures = [await producer.send("t", str(number)) for number in range(500)]
        await producer.produce_many("t", [str(number) for number in range(500)])
        await producer.shutdown()
        self.assertEqual(producer.stats().delivered, 1000)
        self.assertTrue(all(future.done() for future in futures))

    async def test_first_come_first_served(self):
        producer = self.producer(TINY, events=EventType.DROPPED)
        await producer.produce_many("t", ["in front"] * ROOM)
        tasks = [asyncio.ensure_future(producer.produce("t", f"waited-{number}")) for number in range(5)]
        await self.eventually(lambda: len(producer._line.waiting) == 5)
        producer.clear()
        await asyncio.wait_for(asyncio.gather(*tasks), LONG)
        producer.clear()
        await self.eventually(lambda: len(self.events) == ROOM + 5)
        values = [event.message.value for event in self.events[ROOM:]]
        self.assertEqual(values, [b"waited-%d" % number for number in range(5)])

    async def test_the_loop_goes_on_meanwhile_and_the_wait_can_be_cancelled(self):
        producer = self.producer(TINY)
        await producer.produce_many("t", ["v"] * ROOM)
        with self.assertRaises(asyncio.TimeoutError):
            await asyncio.wait_for(producer.send("t", "v"), 0.05)
        self.assertFalse(producer._line.waiting, "nobody is left in the line")
        self.assertEqual((producer.stats().accepted, producer._awaited), (ROOM, {}))
        producer.clear()
        await producer.produce("t", "v")

    async def test_one_that_is_cancelled_does_not_hold_up_the_next(self):
        producer = self.producer(TINY)
        await producer.produce_many("t", ["v"] * ROOM)
        first, second = (asyncio.ensure_future(producer.produce("t", "v")) for _ in range(2))
        await self.eventually(lambda: len(producer._line.waiting) == 2)
        first.cancel()
        producer.clear()
        await asyncio.wait_for(second, LONG)
        self.assertTrue(first.cancelled())
        self.assertEqual(producer.stats().accepted, ROOM + 1)

    async def test_overflow_wait_bounds_the_wait(self):
        producer = self.producer(TINY, overflow_wait=0.05)
        with self.assertRaises(BufferOverflow) as raised:
            await producer.produce_many("t", ["v"] * 100)
        self.assertEqual(raised.exception.accepted, ROOM)
        with self.assertRaises(BufferOverflow):
            await producer.produce("t", "v")

    async def test_shutdown_refuses_those_who_wait(self):
        producer = self.producer(TINY)
        await producer.produce_many("t", ["v"] * ROOM)
        waiting = asyncio.ensure_future(producer.produce("t", "v"))
        await self.eventually(lambda: producer._line.waiting)
        with self.assertRaises(Undelivered):
            await producer.shutdown(0)
        with self.assertRaises(ShutDown):
            await waiting


class Ending(AsyncTestCase):
    async def test_flush(self):
        producer = self.producer(MANUAL, events=EventType.DELIVERED)
        futures = [await producer.send("t", str(number)) for number in range(100)]
        await producer.flush()
        self.assertTrue(all(future.done() for future in futures), "when the call returns")
        self.assertEqual(len(self.told(EventType.DELIVERED)), 100)

    async def test_the_loop_goes_on_during_a_flush(self):
        producer = self.producer(NOWHERE)
        await producer.produce("t", "v")
        ticks = []

        async def tick():
            while True:
                ticks.append(1)
                await asyncio.sleep(0)

        ticking = asyncio.ensure_future(tick())
        with self.assertRaises(TimedOut):
            await producer.flush(0.2)
        ticking.cancel()
        self.assertGreater(len(ticks), 10)

    async def test_a_flush_can_be_cancelled(self):
        producer = self.producer(NOWHERE)
        await producer.produce("t", "v")
        for wait in (producer.flush, producer.shutdown):
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(wait(), 0.05)
        with self.assertRaises(Undelivered):
            await producer.shutdown(0)
        producer.close()
        await self.eventually(lambda: not threads_of_the_package())

    async def test_flushes_do_not_take_the_threads_of_the_loop(self):
        producer = self.producer(NOWHERE)
        await producer.produce("t", "v")
        flushes = [asyncio.ensure_future(producer.flush()) for _ in range(50)]
        await self.eventually(lambda: len(threads_of_the_package()) == 50)
        await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(None, time.monotonic), LONG)
        producer.close()
        outcomes = await asyncio.gather(*flushes, return_exceptions=True)
        self.assertTrue(all(isinstance(outcome, (ShutDown, Undelivered)) for outcome in outcomes), outcomes)

    async def test_shutdown_hands_back_what_is_left(self):
        producer = self.producer(TINY)
        future = await producer.send("t", "v")
        with self.assertRaises(Undelivered):
            await producer.shutdown(0)
        self.assertIsInstance(future.exception(), DeliveryFailed)
        self.assertEqual(self.told(EventType.DROPPED)[0].message.value, b"v")
        with self.assertRaises(ShutDown):
            await producer.produce("t")
        with self.assertRaises(Undelivered):
            await producer.shutdown()

    async def test_the_end_of_a_with(self):
        async with AsyncProducer(MANUAL) as producer:
            future = await producer.send("t", "v")
        self.assertEqual((await future).topic, "t")
        self.assertEqual(producer.stats().delivered, 1)
        for refused in (producer.produce("t"), producer.send("t"), producer.flush()):
            with self.assertRaises(ShutDown):
                await refused
        await producer.shutdown()

    async def test_the_end_of_a_with_by_an_exception(self):
        with self.assertRaises(ZeroDivisionError):
            async with AsyncProducer(NOWHERE, on_event=None, exit_timeout=0.05) as producer:
                await producer.produce("t", "v")
                raise ZeroDivisionError
        self.assertEqual(producer.stats().dropped, 1)

    async def test_a_task_that_is_cancelled_in_a_with(self):
        inside = asyncio.Event()

        async def body():
            async with AsyncProducer(NOWHERE, on_event=None, exit_timeout=0.05) as producer:
                await producer.produce("t", "v")
                inside.set()
                await asyncio.sleep(LONG)

        task = asyncio.ensure_future(body())
        await inside.wait()
        task.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await task

    async def test_S11_descriptors_are_given_back(self):
        async def live():
            async with AsyncProducer(MOCK) as producer:
                await producer.produce("t", "v")

        await live()
        before = open_descriptors()
        for _ in range(10):
            await live()
        await self.eventually(lambda: open_descriptors() <= before)


class Handlers(AsyncTestCase):
    async def test_one_that_raises_is_told_to_the_loop(self):
        contexts, told = [], []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: contexts.append(context))

        def handler(event):
            told.append(event)
            raise ZeroDivisionError

        producer = self.producer(MOCK, on_event=handler, events=EventType.DELIVERED)
        await producer.produce("t", "v")
        await producer.produce("t", "v")
        await producer.shutdown()
        self.assertEqual(len(told), 2)
        self.assertEqual([type(context["exception"]) for context in contexts], [ZeroDivisionError] * 2)

    async def test_it_runs_in_the_loop(self):
        threads = set()
        producer = self.producer(MOCK, on_event=lambda event: threads.add(threading.get_ident()), events=EventType.ALL)
        await (await producer.send("t", "v"))
        self.assertEqual(threads, {threading.get_ident()})


class Loops(unittest.TestCase):
    def test_a_loop_after_another_takes_over(self):
        producer = AsyncProducer(MOCK)
        self.addCleanup(producer.close)

        async def use():
            return (await (await producer.send("t", "v"))).topic

        self.assertEqual([asyncio.run(use()) for _ in range(3)], ["t"] * 3)

    def test_two_loops_at_a_time_do_not(self):
        producer = AsyncProducer(MOCK)
        self.addCleanup(producer.close)
        first = asyncio.new_event_loop()
        self.addCleanup(first.close)
        first.run_until_complete(producer.produce("t", "v"))
        with self.assertRaisesRegex(RuntimeError, "belongs to another event loop"):
            asyncio.run(producer.produce("t", "v"))

    def test_it_can_be_made_outside_of_a_loop(self):
        async def use(producer):
            async with producer:
                await producer.produce("t", "v")

        producer = AsyncProducer(MOCK)
        asyncio.run(use(producer))
        self.assertEqual(producer.stats().delivered, 1)

    def test_nothing_keeps_one_alive(self):
        async def use():
            producer = AsyncProducer(NOWHERE, on_event=None)
            future = await producer.send("t", "v")
            reference = weakref.ref(producer)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ResourceWarning)
                del producer
                gc.collect()
            self.assertIsNone(reference())
            with self.assertRaises(ShutDown):
                await asyncio.wait_for(future, LONG)

        asyncio.run(use())
