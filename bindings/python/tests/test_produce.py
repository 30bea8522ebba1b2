"""What goes in comes out: S2, S3, S4 and S6. Messages come back whole in DROPPED events."""

import array
import itertools

from async_producer import EventType, InvalidArgument, MessageTooLarge, Status

from .support import LONG, MOCK, NOWHERE, TINY, TestCase


class RoundTrip(TestCase):
    """Messages on their way to nobody, withdrawn by clear()."""

    def setUp(self):
        self.one = self.producer(NOWHERE, max_pending_bytes=0, max_buffer_bytesize=100_000_000)

    def back(self, count=1):
        self.assertEqual(self.one.clear(), count)
        return [event.message for event in self.events.wait(EventType.DROPPED, count)]

    def test_S3_null_and_empty_stay_apart(self):
        contents = [None, b"", b"x"]
        pairs = list(itertools.product(contents, contents))
        for key, value in pairs:
            self.one.produce("t", value, key=key)
        self.assertEqual([(message.key, message.value) for message in self.back(len(pairs))], pairs)

    def test_S3_null_and_empty_header_values(self):
        headers = (("a", None), ("b", b""), ("c", b"x"), ("a", b"again"), ("", b"no name"))
        self.one.produce("t", b"v", headers=headers)
        self.assertEqual(self.back()[0].headers, headers)

    def test_S3_null_and_empty_in_produce_many(self):
        values = [None, b"", "", b"x", bytearray(), memoryview(b"")]
        keys = [b"", None, b"k", "", bytearray(b"k"), None]
        self.one.produce_many("t", values, keys)
        messages = self.back(len(values))
        self.assertEqual([message.value for message in messages], [None, b"", b"", b"x", b"", b""])
        self.assertEqual([message.key for message in messages], [b"", None, b"k", b"", b"k", None])

    def test_S4_any_bytes(self):
        every = bytes(range(256))
        payloads = (b"\0", every, every * 3000)
        for payload in payloads:
            self.one.produce("t", payload, key=every, headers={"h": payload[:100]}, partition_key=every)
        for message, payload in zip(self.back(3), payloads):
            self.assertEqual((message.value, message.key, message.partition_key), (payload, every, every))
            self.assertEqual(message.headers, (("h", payload[:100]),))

    def test_S4_a_megabyte_fits_where_it_is_allowed(self):
        producer = self.producer(NOWHERE, message_max_bytes=3_000_000, max_buffer_bytesize=100_000_000)
        payload = b"\xff\0" * 1_000_000
        producer.produce("t", payload)
        producer.clear()
        self.assertEqual(self.events.wait(EventType.DROPPED)[0].message.value, payload)

    def test_S4_a_buffer_may_be_overwritten_at_once(self):
        buffer = bytearray(b"first")
        self.one.produce("t", buffer, key=memoryview(buffer)[1:3])
        buffer[:] = b"other"
        self.one.produce_many("t", [buffer, memoryview(buffer)[::2]])
        buffer[:] = b"third"
        messages = self.back(3)
        self.assertEqual((messages[0].value, messages[0].key), (b"first", b"ir"))
        self.assertEqual([message.value for message in messages[1:]], [b"other", b"ohr"])

    def test_S4_any_kind_of_bytes(self):
        numbers = array.array("i", [1, 2, 3])
        self.one.produce("t", memoryview(numbers), key=numbers)
        self.one.produce_many("t", [numbers, memoryview(numbers)])
        messages = self.back(3)
        self.assertEqual({message.value for message in messages}, {numbers.tobytes()})
        self.assertEqual(messages[0].key, numbers.tobytes())

    def test_text_is_utf_8(self):
        self.one.produce("t", "Größe ✓", key="ключ", headers={"näme": "wért"}, partition_key="分")
        self.one.produce_many("t", ["Größe", "✓"], ["ключ", b"b"])
        first, second, third = self.back(3)
        self.assertEqual(
            (first.value, first.key, first.partition_key), ("Größe ✓".encode(), "ключ".encode(), "分".encode())
        )
        self.assertEqual(first.headers, (("näme", "wért".encode()),))
        self.assertEqual((second.value, second.key, third.value), ("Größe".encode(), "ключ".encode(), "✓".encode()))

    def test_everything_of_a_message(self):
        self.one.produce("t", "v", partition=3, timestamp=1700000000001, tag=2**63 - 1)
        message = self.back()[0]
        self.assertEqual((message.partition, message.timestamp, message.tag), (3, 1700000000001, 2**63 - 1))
        self.assertEqual((message.topic, message.key, message.headers, message.partition_key), ("t", None, (), None))

    def test_a_message_that_came_back_can_be_produced_again(self):
        self.one.produce("t", "v", key="k", headers=[("h", None)], partition_key="p", timestamp=1700000000001, tag=7)
        first = self.back()[0]
        self.one.produce(**first._asdict())
        self.assertEqual(self.back(1) and self.events.wait(EventType.DROPPED, 2)[1].message, first)

    def test_tags_of_produce_many_count_up(self):
        self.one.produce_many("t", ["a", "b", "c"], tag=40)
        self.assertEqual([message.tag for message in self.back(3)], [40, 41, 42])

    def test_S6_wrong_batches_are_refused_whole(self):
        with self.assertRaisesRegex(InvalidArgument, "2 values and 1 keys"):
            self.one.produce_many("t", ["a", "b"], ["k"])
        with self.assertRaisesRegex(TypeError, r"^values\[1\] must be bytes, .* not int$"):
            self.one.produce_many("t", ["a", 1])
        with self.assertRaisesRegex(TypeError, r"^keys\[0\] must be bytes"):
            self.one.produce_many("t", ["a"], [1.5])
        with self.assertRaisesRegex(TypeError, "^values must be an iterable of messages, not one str$"):
            self.one.produce_many("t", "abc")
        with self.assertRaises(MessageTooLarge):
            self.one.produce_many("t", [b"a", b"x" * 2_000_000])
        with self.assertRaisesRegex(InvalidArgument, "^the topic is 'bad topic'; 1 to 249 letters"):
            self.one.produce_many("bad topic", ["a"])
        self.assertEqual(self.one.stats().accepted, 0)

    def test_an_empty_batch_is_fine(self):
        self.one.produce_many("t", [])
        self.one.produce_many("t", iter(()), iter(()))
        self.assertEqual(self.one.stats().accepted, 0)


class Refusals(TestCase):
    def test_topics(self):
        producer = self.producer(TINY)
        for topic in ("", "bad topic", "a\0b", ".", "..", "x" * 250, "ä"):
            for produce in (producer.produce, producer.send, lambda topic: producer.produce_many(topic, ["v"])):
                with self.assertRaisesRegex(InvalidArgument, "^the topic is .* 1 to 249 letters") as raised:
                    produce(topic)
                self.assertEqual(raised.exception.status, Status.INVALID_ARGUMENT)
        producer.produce("x" * 249)

    def test_numbers(self):
        producer = self.producer(TINY)
        for name, number in (("partition", -2), ("partition", 2**31), ("timestamp", -5), ("timestamp", 2**63)):
            with self.assertRaisesRegex(InvalidArgument, f"^{name} is {number}; ", msg=name):
                producer.produce("t", **{name: number})
        for number in (-1, 2**63):
            with self.assertRaisesRegex(InvalidArgument, f"^tag is {number}; 0 to 9223372036854775807 are allowed$"):
                producer.produce("t", tag=number)

    def test_types_are_refused_by_name(self):
        producer = self.producer(TINY)
        wrong = {
            "topic must be str, not int": {"topic": 5},
            "topic must be str, not bytes": {"topic": b"t"},
            "value must be bytes, bytearray, memoryview, str or None, not int": {"value": 5},
            "key must be bytes, bytearray, memoryview, str or None, not list": {"key": []},
            "partition_key must be bytes, bytearray, memoryview, str or None, not float": {"partition_key": 1.5},
            "the name of a header must be str, not bytes": {"headers": {b"h": "x"}},
            "the value of the header 'h' must be bytes, bytearray, memoryview, str or None, not int": {
                "headers": {"h": 1}
            },
            "partition must be int, not str": {"partition": "0"},
            "timestamp must be int, not float": {"timestamp": 1.5},
            "tag must be int, not str": {"tag": "1"},
        }
        for sentence, arguments in wrong.items():
            with self.assertRaises(TypeError) as raised:
                producer.produce(**{"topic": "t", **arguments})
            self.assertEqual(str(raised.exception), sentence)
        for headers in (5, "text", ["h"], [("h", "v", "more")]):
            with self.assertRaisesRegex(TypeError, "^headers must be a mapping, or an iterable of pairs"):
                producer.produce("t", headers=headers)
        self.assertEqual(producer.stats().accepted, 0)

    def test_headers_may_come_from_an_iterator(self):
        producer = self.producer(TINY)
        producer.produce("t", headers=((name, name.upper()) for name in "ab"))
        producer.produce("t", headers=[])
        producer.clear()
        messages = [event.message for event in self.events.wait(EventType.DROPPED, 2)]
        self.assertEqual([message.headers for message in messages], [(("a", b"A"), ("b", b"B")), ()])

    def test_a_header_name_with_a_nul(self):
        with self.assertRaisesRegex(InvalidArgument, "a name with a NUL"):
            self.producer(TINY).produce("t", headers={"a\0b": "x"})

    def test_too_large(self):
        with self.assertRaises(MessageTooLarge) as raised:
            self.producer(TINY).produce("t", b"x" * 2_000_000)
        self.assertEqual(str(raised.exception.status), "AP_ERR_MESSAGE_TOO_LARGE")


class Delivered(TestCase):
    def test_S2_ten_thousand_messages_each_exactly_once(self):
        count = 10_000
        producer = self.producer(MOCK, EventType.DELIVERED, delivery_threshold=500, max_queue_size=count)
        for tag in range(1, count + 1):
            producer.produce("t", b"v", tag=tag)
        producer.shutdown(LONG)
        self.assertEqual(sorted(event.tag for event in self.events.of(EventType.DELIVERED)), list(range(1, count + 1)))
        self.assertEqual(producer.stats().delivered, count)
