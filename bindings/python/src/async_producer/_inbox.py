"""Events as the library hands them out: entries of a fixed size in one buffer, and what is looked up by their ids."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Container, Iterator
from typing import Any, Callable

from . import _library as lib
from ._enums import EventType, Persistence, Status
from ._event import Event
from ._message import unpack

#: ap_event_entry_t: id, tag, offset, timestamp_ms, duration_us, type, status, kafka_error, partition, message_count,
#: attempt, persistence
_ENTRY = struct.Struct("=QQqqQIiiiIHH")
Entry = tuple[int, int, int, int, int, int, int, int, int, int, int, int]
#: Where in it they stand.
TAG, OFFSET, TIMESTAMP, TYPE, PARTITION = 1, 2, 3, 5, 8
_ENTRIES = 1024
_SCRATCH_SIZE = 65536

#: Tags of messages whose end is awaited by a future; the program's own are below.
FIRST_AWAITED_TAG = 1 << 63
DELIVERED = int(EventType.DELIVERED)
#: Those without an id: there is nothing to look up.
EVERYDAY = int(EventType.DELIVERED | EventType.DELIVERY_STARTED | EventType.DELIVERY_FINISHED)
SETTLEMENTS = int(EventType.SETTLEMENTS)
LOG = int(EventType.LOG)
STATS = int(EventType.STATS)


class _Members(dict[int, Any]):
    """What a function answers to a number, found out once: an Enum takes longer to find its member than all the rest of
    an event."""

    def __init__(self, find: Callable[[int], Any]) -> None:
        self._find = find

    def __missing__(self, number: int) -> Any:
        self[number] = member = self._find(number)
        return member


def _words(type: int) -> str:
    return (EventType(type).name or "").lower().replace("_", " ")


_event_types, _statuses, _persistences = _Members(EventType), _Members(Status), _Members(Persistence)
_texts = _Members(_words)

#: As `Event(...)`, which takes as long again to find out by name which argument is which.
_new_event = tuple.__new__


class Freed(Exception):
    """The producer was freed while its events were read."""


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
            if entry[TYPE] & types or entry[TAG] in tags:
                yield entry

    def has_details(self) -> bool:
        """Whether any of the events is not one of everyday delivery."""
        stride = _ENTRY.size // 8
        return any(self._words[: self._count * stride : stride])

    def event(self, entry: Entry) -> Event:
        """Raises Freed where the producer is no more."""
        id, tag, offset, timestamp, duration_us, type, status, error, partition, count, attempt, persistence = entry
        if tag >= FIRST_AWAITED_TAG:
            tag = 0
        topic, message, text, level = None, None, _texts[type], None
        if id:
            about = unpack(self._look_up(lib.ap_event_message, id))
            topic = about.topic or None
            if type == STATS:
                text = (about.value or b"").decode("utf-8", "replace")
            else:
                text = self._look_up(lib.ap_event_text, id).decode("utf-8", "replace")
            if type & SETTLEMENTS:
                message = about._replace(tag=tag)
        if type == LOG:
            status, level = 0, status
        return _new_event(
            Event,
            (
                _event_types[type],
                _statuses[status],
                error,
                topic,
                partition,
                offset,
                timestamp,
                tag,
                count,
                duration_us / 1e6,
                attempt,
                _persistences[persistence],
                text,
                message,
                level,
            ),
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
