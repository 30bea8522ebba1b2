"""Events as the library hands them out: entries of a fixed size in one buffer, and what is looked up by their ids."""

from __future__ import annotations

import ctypes
import functools
import struct
from collections.abc import Container, Iterator
from typing import Any, NamedTuple

from . import _library as lib
from ._enums import EventType, Persistence, Status
from ._event import Event
from ._message import unpack

_ENTRY = struct.Struct("=QQqqQIiiiIHH")
_ENTRIES = 1024
_SCRATCH_SIZE = 65536

#: Tags of messages whose end is awaited by a future; the program's own are below.
FIRST_AWAITED_TAG = 1 << 63
DELIVERED = int(EventType.DELIVERED)
#: Those without an id: there is nothing to look up.
EVERYDAY = int(EventType.DELIVERED | EventType.DELIVERY_STARTED | EventType.DELIVERY_FINISHED)
SETTLEMENTS = int(EventType.SETTLEMENTS)
LOG = int(EventType.LOG)


class Entry(NamedTuple):
    """ap_event_entry_t"""

    id: int
    tag: int
    offset: int
    timestamp_ms: int
    duration_us: int
    type: int
    status: int
    kafka_error: int
    partition: int
    message_count: int
    attempt: int
    persistence: int


# Looked up, not made: an Enum takes longer to find its member than all the rest of an event.
_event_type = functools.lru_cache(EventType)
_status = functools.lru_cache(Status)
_persistence = functools.lru_cache(Persistence)


@functools.lru_cache
def _words(kind: EventType) -> str:
    return (kind.name or "").lower().replace("_", " ")


class Freed(Exception):
    """The producer was freed while its events were read."""


_TAG = Entry._fields.index("tag")
_TYPE = Entry._fields.index("type")


class Inbox:
    """Reads the events of one producer. One reading at a time: the next one makes the ids of this one void."""

    def __init__(self, handle: ctypes.c_void_p) -> None:
        self._handle = handle
        entries = bytearray(_ENTRY.size * _ENTRIES)
        self._entries = (ctypes.c_char * len(entries)).from_buffer(entries)
        self._bytes = memoryview(entries)
        self._words = self._bytes.cast("Q")
        self._count = 0
        self._scratch = ctypes.create_string_buffer(_SCRATCH_SIZE)

    def read(self) -> int:
        """Takes events that wait, and answers how many: 0 where there are none, or no producer any more."""
        self._count = max(0, lib.ap_poll_events(self._handle, 0, self._entries, _ENTRY.size, _ENTRIES))
        return self._count

    def entries(self, types: int, tags: Container[int]) -> Iterator[Entry]:
        """Those of one of the types, or about a message with one of the tags."""
        for entry in _ENTRY.iter_unpack(self._bytes[: self._count * _ENTRY.size]):
            if entry[_TYPE] & types or entry[_TAG] in tags:
                yield Entry._make(entry)

    def has_details(self) -> bool:
        """Whether any of the events is not one of everyday delivery."""
        stride = _ENTRY.size // 8
        return any(self._words[: self._count * stride : stride])

    def event(self, entry: Entry) -> Event:
        """Raises Freed where the producer is no more."""
        kind = _event_type(entry.type)
        tag = entry.tag if entry.tag < FIRST_AWAITED_TAG else 0
        topic, message, text = None, None, _words(kind)
        if entry.id:
            about = unpack(self._look_up(lib.ap_event_message, entry.id))
            topic = about.topic or None
            if entry.type == EventType.STATS:
                text = (about.value or b"").decode("utf-8", "replace")
            else:
                text = self._look_up(lib.ap_event_text, entry.id).decode("utf-8", "replace")
            if entry.type & SETTLEMENTS:
                message = about._replace(tag=tag)
        is_log = entry.type == LOG
        return Event(
            kind,
            Status.OK if is_log else _status(entry.status),
            entry.kafka_error,
            topic,
            entry.partition,
            entry.offset,
            entry.timestamp_ms,
            tag,
            entry.message_count,
            entry.duration_us / 1e6,
            entry.attempt,
            _persistence(entry.persistence),
            text,
            message,
            entry.status if is_log else None,
        )

    def _look_up(self, function: Any, number: int) -> bytes:
        scratch = self._scratch
        size = function(self._handle, number, scratch, len(scratch))
        if size >= len(scratch):
            scratch = ctypes.create_string_buffer(size + 1)
            size = function(self._handle, number, scratch, len(scratch))
        if size < 0:
            raise Freed
        return ctypes.string_at(scratch, size)
