"""Messages, and their packed form: the records of ap_produce_packed() and of ap_event_message()."""

from __future__ import annotations

import re
import struct
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Optional, Union

from ._errors import InvalidArgument

#: What keys, values and header values may be: bytes in any form, or text, which is sent as UTF-8.
Payload = Union[bytes, bytearray, memoryview, str]
Headers = Union[Mapping[str, Optional[Payload]], Iterable[tuple[str, Optional[Payload]]]]

#: size, topic, partition, key, value, partition key, timestamp, tag, headers, reserved
_HEAD = struct.Struct("<IIiiiiqQII")
#: name, value
_HEADER_HEAD = struct.Struct("<Ii")
_TOPIC = re.compile("[a-zA-Z0-9._-]{1,249}")
_NULL = -1
_ANY_PARTITION = -1


class Message(NamedTuple):
    """A message as it was produced; `producer.produce(**message._asdict())` sends it again."""

    topic: str
    value: bytes | None
    key: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    #: None = the partitioner's choice.
    partition: int | None
    partition_key: bytes | None
    #: Milliseconds since 1970 (UTC).
    timestamp: int | None
    tag: int


def pack(
    topic: str,
    value: Payload | None,
    key: Payload | None,
    headers: Headers | None,
    partition: int | None,
    partition_key: Payload | None,
    timestamp: int | None,
    tag: int,
) -> bytes:
    name = text(topic, "topic")
    if value is not None and type(value) is not bytes:
        value = _payload(value, "value")
    if key is not None and type(key) is not bytes:
        key = _payload(key, "key")
    if partition_key is not None and type(partition_key) is not bytes:
        partition_key = _payload(partition_key, "partition_key")
    body = b"".join((name, b"\0", key or b"", value or b"", partition_key or b""))
    count = 0
    try:
        if headers:
            count, packed = _pack_headers(headers)
            body += packed
        head = _HEAD.pack(
            _HEAD.size + len(body),
            len(name),
            _ANY_PARTITION if partition is None else partition,
            _NULL if key is None else len(key),
            _NULL if value is None else len(value),
            _NULL if partition_key is None else len(partition_key),
            0 if timestamp is None else timestamp,
            tag,
            count,
            0,
        )
    except struct.error:
        _check_number(partition, "partition", 2**31)
        _check_number(timestamp, "timestamp", 2**63)
        raise InvalidArgument("a key, value or header is larger than 2 GiB") from None
    return head + body


def _pack_headers(headers: Headers) -> tuple[int, bytes]:
    parts: list[bytes] = []
    pairs = _header_pairs(headers)
    for name, value in pairs:
        encoded = text(name, "the name of a header")
        content = _payload(value, f"the value of the header {name!r}")
        size = _NULL if content is None else len(content)
        parts += (_HEADER_HEAD.pack(len(encoded), size), encoded, b"\0", content or b"")
    return len(pairs), b"".join(parts)


def _header_pairs(headers: Headers) -> list[tuple[str, Payload | None]]:
    if isinstance(headers, Mapping):
        return list(headers.items())
    if isinstance(headers, Iterable):
        pairs = list(headers)
        if all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in pairs):
            return pairs
    raise TypeError("headers must be a mapping, or an iterable of pairs of a name and a value")


def unpack(record: bytes) -> Message:
    _, topic_len, partition, key_len, value_len, partition_key_len, timestamp, tag, count, _ = _HEAD.unpack_from(record)
    position = _HEAD.size

    def take(length: int) -> bytes | None:
        nonlocal position
        if length == _NULL:
            return None
        position += length
        return record[position - length : position]

    def take_name(length: int) -> str:
        return (take(length + 1) or b"")[:-1].decode("utf-8", "replace")

    topic = take_name(topic_len)
    key, value, partition_key = take(key_len), take(value_len), take(partition_key_len)
    headers = []
    for _ in range(count):
        name_len, content_len = _HEADER_HEAD.unpack_from(record, position)
        position += _HEADER_HEAD.size
        headers.append((take_name(name_len), take(content_len)))
    place = None if partition == _ANY_PARTITION else partition
    return Message(topic, value, key, tuple(headers), place, partition_key, timestamp or None, tag)


def join(items: Sequence[Payload | None], name: str) -> tuple[bytes, array[int]]:
    """The items in one buffer, and the size of each, for ap_produce_arrays()."""
    try:
        joined, sizes = b"".join(items), array("i", map(len, items))  # type: ignore[arg-type]
        if sum(sizes) == len(joined):
            return joined, sizes
    except TypeError:
        pass  # a None, a str, or something that is not allowed
    parts = [_payload(item, f"{name}[{index}]") for index, item in enumerate(items)]
    sizes = array("i", [_NULL if part is None else len(part) for part in parts])
    return b"".join(part or b"" for part in parts), sizes


def text(value: object, name: str) -> bytes:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be str, not {type(value).__name__}")
    return value.encode()


def _payload(item: object, name: str) -> bytes | None:
    if item is None:
        return None
    if isinstance(item, str):
        return item.encode()
    try:
        return memoryview(item).tobytes()  # type: ignore[arg-type]
    except TypeError:
        allowed = "bytes, bytearray, memoryview, str or None"
        raise TypeError(f"{name} must be {allowed}, not {type(item).__name__}") from None


def _check_number(number: object, name: str, limit: int) -> None:
    if number is None:
        return
    if not isinstance(number, int):
        raise TypeError(f"{name} must be int, not {type(number).__name__}")
    if not -1 <= number < limit:
        raise InvalidArgument(f"{name} is {number}; 0 to {limit - 1} are allowed")


def objection(record: bytes) -> str:
    """What the library does not allow about a message that it refused as AP_ERR_INVALID_ARGUMENT."""
    message = unpack(record)
    if not is_topic(message.topic):
        return topic_objection(message.topic)
    if message.partition is not None and message.partition < 0:
        return f"partition is {message.partition}; 0 to {2**31 - 1}, or None for any, are allowed"
    if message.timestamp is not None and message.timestamp < 0:
        return f"timestamp is {message.timestamp}; milliseconds since 1970 are allowed"
    return "a key, value or header of the message is not allowed: a name with a NUL, or a size of 2 GiB and more"


def is_topic(topic: str) -> bool:
    return _TOPIC.fullmatch(topic) is not None and topic not in (".", "..")


def topic_objection(topic: str) -> str:
    return f"the topic is {topic!r}; 1 to 249 letters, digits, dots, underscores and hyphens are allowed"
