"""What a handler is told, and what is told where there is none."""

import ctypes
import json
import logging
import threading

from async_producer import EventType, InvalidArgument, Persistence, Producer, Status, WouldDeadlock, _library, log_event

from .support import LONG, MOCK, NOWHERE, ROOM, TINY, Events, TestCase, fill


class Types(TestCase):
    def test_everyday_delivery(self):
        producer = self.producer(MOCK, EventType.ALL & ~EventType.LOG)
        producer.produce("t", "v", tag=7, timestamp=1700000000001)
        producer.shutdown(LONG)
        delivered = self.events.wait(EventType.DELIVERED)[0]
        self.assertEqual((delivered.tag, delivered.status, delivered.persistence), (7, Status.OK, Persistence.YES))
        self.assertEqual((delivered.timestamp, delivered.attempt, delivered.message), (1700000000001, 1, None))
        self.assertGreaterEqual(min(delivered.partition, delivered.offset), 0)
        self.assertGreater(delivered.duration, 0)
        self.assertEqual(delivered.text, "delivered")
        enqueued = self.events.wait(EventType.ENQUEUED)[0]
        self.assertEqual((enqueued.topic, enqueued.tag, enqueued.message), ("t", 7, None))
        self.assertEqual(self.events.wait(EventType.DELIVERY_STARTED)[0].message_count, 1)
        self.assertEqual(self.events.wait(EventType.DELIVERY_FINISHED)[0].status, Status.OK)

    def test_a_refusal_by_kafka(self):
        producer = self.producer(MOCK, max_retries=0)
        producer.produce("t", "v", key="k", partition=4711, headers={"h": "x"})
        failed = self.events.wait(EventType.FAILED)[0]
        self.assertEqual((failed.status, failed.persistence, failed.topic), (Status.UNDELIVERED, Persistence.NO, "t"))
        self.assertNotEqual(failed.kafka_error, 0)
        self.assertIn("not delivered", failed.text)
        self.assertEqual((failed.message.value, failed.message.partition), (b"v", 4711))
        self.assertEqual(failed.message.headers, (("h", b"x"),))

    def test_dropped_overflow_error_and_stalled(self):
        producer = self.producer(TINY, EventType.ALL, stall_report_interval=0.1)
        fill(producer)
        self.assertEqual(self.events.wait(EventType.BUFFER_OVERFLOW)[0].topic, "nowhere")
        self.events.wait(EventType.ERROR)
        self.assertTrue(self.events.wait(EventType.STALLED)[0].text)
        self.assertEqual(producer.clear(), ROOM)
        self.assertEqual(len(self.events.wait(EventType.DROPPED, ROOM)), ROOM)

    def test_log_and_statistics(self):
        producer = self.producer(MOCK, EventType.LOG | EventType.STATS, debug="broker", statistics_interval_ms=20)
        producer.produce("t", "v")
        line = self.events.wait(EventType.LOG)[0]
        self.assertIn(line.log_level, range(8))
        self.assertTrue(line.text)
        statistics = json.loads(self.events.wait(EventType.STATS)[0].text)
        self.assertIn("brokers", statistics)

    def test_only_what_was_asked_for(self):
        producer = self.producer(MOCK, EventType.DELIVERY_FINISHED)
        producer.produce("t", "v")
        producer.shutdown(LONG)
        self.assertEqual({event.type for event in self.events._list}, {EventType.DELIVERY_FINISHED})

    def test_no_handler(self):
        producer = Producer(MOCK, on_event=None, events=EventType.ALL)
        self.addCleanup(producer.close)
        self.assertIsNotNone(producer.send("t", "v").result(LONG))

    def test_a_mask_that_is_none(self):
        with self.assertRaises(InvalidArgument):
            Producer(NOWHERE, events=1 << 20)

    def test_a_long_text_and_a_large_message_come_whole(self):
        producer = self.producer(NOWHERE, max_buffer_bytesize=100_000_000)
        value = bytes(range(256)) * 3000
        producer.produce("t", value)
        producer.clear()
        self.assertEqual(self.events.wait(EventType.DROPPED)[0].message.value, value)


class Handlers(TestCase):
    def test_a_handler_that_raises_does_not_stop_the_reader(self):
        failures, told = [], Events()

        def handler(event):
            told(event)
            raise ZeroDivisionError(event.tag)

        hook = threading.excepthook
        self.addCleanup(setattr, threading, "excepthook", hook)
        threading.excepthook = failures.append
        producer = Producer(MOCK, on_event=handler, events=EventType.DELIVERED)
        self.addCleanup(producer.close)
        for tag in (1, 2, 3):
            producer.produce("t", "v", tag=tag)
        producer.shutdown(LONG)
        self.assertEqual([event.tag for event in told.of(EventType.DELIVERED)], [1, 2, 3])
        self.assertEqual([failure.exc_value.args for failure in failures], [(1,), (2,), (3,)])
        self.assertEqual({failure.thread.name for failure in failures}, {"async_producer"})

    def test_a_handler_that_exits_does_not_either(self):
        told = Events()

        def handler(event):
            told(event)
            raise SystemExit

        producer = Producer(MOCK, on_event=handler, events=EventType.DELIVERED)
        self.addCleanup(producer.close)
        producer.produce("t", "v")
        producer.produce("t", "v")
        producer.shutdown(LONG)
        self.assertEqual(len(told.of(EventType.DELIVERED)), 2)

    def test_a_handler_may_produce(self):
        def handler(event):
            if event.type == EventType.DELIVERED and event.tag < 50:
                producer.produce("t", "v", tag=event.tag + 1)
            told(event)

        told = Events()
        producer = Producer(MOCK, on_event=handler, events=EventType.DELIVERED)
        self.addCleanup(producer.close)
        producer.produce("t", "v", tag=1)
        self.assertEqual([event.tag for event in told.wait(EventType.DELIVERED, 50)], list(range(1, 51)))

    def test_a_handler_may_not_wait(self):
        outcomes = []

        def handler(event):
            for wait in (producer.flush, producer.shutdown):
                try:
                    wait()
                except WouldDeadlock as refusal:
                    outcomes.append(str(refusal.status))

        producer = Producer(MOCK, on_event=handler, events=EventType.DELIVERED)
        self.addCleanup(producer.close)
        producer.produce("t", "v")
        self.eventually(lambda: len(outcomes) == 2)
        self.assertEqual(set(outcomes), {"AP_ERR_WOULD_DEADLOCK"})

    def test_a_handler_may_close(self):
        closed = threading.Event()

        def handler(event):
            producer.close()
            closed.set()

        producer = Producer(MOCK, on_event=handler, events=EventType.DELIVERED)
        producer.produce("t", "v")
        self.assertTrue(closed.wait(LONG))
        self.assertEqual(producer.stats().delivered, 1)

    def test_a_slow_handler_is_waited_for_by_shutdown(self):
        gate, told = threading.Event(), []

        def handler(event):
            gate.wait(LONG)
            told.append(event)

        producer = Producer(MOCK, on_event=handler, events=EventType.DELIVERED)
        self.addCleanup(producer.close)
        producer.produce("t", "v")
        opener = threading.Timer(0.1, gate.set)
        opener.start()
        producer.shutdown()
        self.assertEqual(len(told), 1)
        opener.join()

    def test_calls_are_never_two_at_a_time(self):
        inside, most = [], []

        def handler(event):
            inside.append(1)
            most.append(len(inside))
            inside.pop()

        producer = Producer(MOCK, on_event=handler, events=EventType.ALL)
        self.addCleanup(producer.close)
        threads = [threading.Thread(target=lambda: [producer.produce("t", "v") for _ in range(100)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LONG)
        producer.shutdown(LONG)
        self.assertEqual(max(most), 1)


class Logging(TestCase):
    def test_problems_are_logged_where_there_is_no_handler(self):
        with self.assertLogs("async_producer", logging.INFO) as logs:
            producer = Producer(MOCK, max_retries=0)
            self.addCleanup(producer.close)
            producer.produce("orders", "v", partition=4711)
            self.eventually(lambda: logs.output)
        self.assertRegex(logs.output[0], "^ERROR:async_producer:FAILED orders: not delivered: .*")

    def test_dropped_messages_are_summed_up(self):
        with self.assertLogs("async_producer", logging.INFO) as logs:
            producer = Producer(TINY, events=EventType.DROPPED)
            fill(producer)
            producer.close()
        self.assertEqual(logs.output, [f"WARNING:async_producer:closed; {ROOM} messages were dropped undelivered"])

    def test_levels(self):
        producer = self.producer(MOCK, EventType.ALL, debug="broker", max_retries=0)
        producer.produce("t", "v", partition=4711)
        producer.produce("t", "v")
        events = [self.events.wait(kind)[0] for kind in (EventType.FAILED, EventType.DELIVERED, EventType.LOG)]
        with self.assertLogs("async_producer", logging.DEBUG) as logs:
            for event in events:
                log_event(event._replace(log_level=7 if event.type == EventType.LOG else None))
        self.assertEqual([record.levelno for record in logs.records], [logging.ERROR, logging.DEBUG, logging.DEBUG])

    def test_nothing_goes_to_standard_error_unasked(self):
        handlers = logging.getLogger("async_producer").handlers
        self.assertTrue(any(isinstance(handler, logging.NullHandler) for handler in handlers))


class Entries(TestCase):
    """S12: the size of an entry is the caller's to say."""

    def poll(self, producer, size, count=4):
        buffer = (ctypes.c_char * (size * count)).from_buffer(bytearray(b"\xaa" * (size * count)))
        answer = _library.ap_poll_events(producer._handle, 5000, buffer, size, count)
        return answer, bytes(buffer)

    def idle(self):
        producer = Producer(NOWHERE)
        self.addCleanup(producer.close)
        return producer

    def test_S12_smaller_than_the_librarys_is_refused(self):
        for size in (0, 63, 4097):
            answer, buffer = self.poll(self.idle(), size)
            self.assertEqual(answer, Status.INVALID_ARGUMENT)
            self.assertEqual(set(buffer) - {0xAA}, set())

    def test_S12_larger_is_filled_with_zeroes(self):
        producer = self.idle()
        # Past the binding, which would read the event itself.
        record = b"\x32\0\0\0\1\0\0\0" + b"\xff" * 16 + b"\0" * 24 + b"t\0"
        self.assertEqual(_library.ap_produce_packed(producer._handle, record, len(record)), 1)
        self.assertEqual(producer.clear(), 1)
        answer, buffer = self.poll(producer, 128)
        self.assertEqual(answer, 1)
        self.assertEqual(buffer[64:128], b"\0" * 64)
        self.assertEqual(int.from_bytes(buffer[40:44], "little"), EventType.DROPPED)
        self.assertEqual(set(buffer[128:]), {0xAA})
