"""What both kinds of producers share: everything that does not wait."""

from __future__ import annotations

import functools
import itertools
import math
import sys
import threading
import time
import warnings
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Callable, Generic, TypeVar

from . import _library as lib
from . import _lifecycle
from ._batch import Batch
from ._config import Config, Value
from ._enums import EventType, Status
from ._errors import DeliveryFailed, InvalidArgument, ProducerError, ShutDown, WouldDeadlock, error
from ._event import Delivery, Event, logger
from ._inbox import (
    DELIVERED,
    EVERYDAY,
    FIRST_AWAITED_TAG,
    OFFSET,
    PARTITION,
    SETTLEMENTS,
    TAG,
    TIMESTAMP,
    TYPE,
    Entry,
    Freed,
    Inbox,
)
from ._lifecycle import arrive
from ._line import Line
from ._message import objection
from ._stats import Stats, read_stats

Handler = Callable[[Event], object]
FutureType = TypeVar("FutureType")
#: A packed message, or a batch.
Item = TypeVar("Item")

_INVALID = int(Status.INVALID_ARGUMENT)
#: Without a thread to wait in, a wait is this long at a time, so that Ctrl-C comes through.
_SLICE_SECONDS = 0.1
#: How long `close()` waits for a handler that is behind.
_CLOSE_SECONDS = 1.0


class Base(Generic[FutureType]):
    """The handle, the futures that wait, and the reading of events."""

    _closed = True  # until there is a handle: __del__ also runs where that fails

    def __init__(
        self,
        config: Mapping[str, Value] | None,
        on_event: Handler | None,
        events: EventType,
        exit_timeout: float,
        keywords: Mapping[str, Value],
    ) -> None:
        self._is_shut_down = False
        if milliseconds(exit_timeout, "exit_timeout") < 0:
            raise InvalidArgument("exit_timeout is without limit; a number of seconds is needed")
        #: Seconds for what is undelivered at the exit of the interpreter, and where a `with` ends with an exception.
        self.exit_timeout = exit_timeout
        self._on_event = on_event
        self._wanted = int(events) if on_event else 0
        with Config() as settings:
            settings.update(config or {})
            settings.update_from_keywords(keywords)
            self._handle = settings.new_producer(self._wanted | SETTLEMENTS)
            self._overflow_wait = settings.overflow_wait
        self._inbox = Inbox(self._handle)
        self._tags = itertools.count(FIRST_AWAITED_TAG)
        self._last_stats: Stats | None = None
        self._begin()
        self._closed = False
        _lifecycle.watch(self)

    def _begin(self) -> None:
        """What is new in a new producer and in a forked child."""
        self._awaited: dict[int, tuple[FutureType, str]] = {}
        self._line = Line(functools.partial(lib.ap_deliver, self._handle))
        self._reading = threading.Lock()
        self._closing = threading.RLock()
        self._telling: int | None = None
        #: Counts what was read and told, so that a slow handler can be told from one that never returns.
        self._progress = 0
        #: Whether anything was produced in this process.
        self._is_used = False

    # For everyone

    def deliver(self) -> None:
        """Starts the delivery of what is queued, and returns at once."""
        self._check(lib.ap_deliver(self._handle))

    def clear(self) -> int:
        """Drops every message that is not on its way to Kafka yet; an event tells of each. Answers how many."""
        count: int = lib.ap_clear(self._handle)
        self._check(count)
        return count

    def stats(self) -> Stats:
        """The counters; those of a closed producer stay as they were at the end."""
        return self._last_stats or read_stats(self._handle)

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open"
        return f"<async_producer.{type(self).__name__} {state}>"

    def __reduce__(self) -> str | tuple[Any, ...]:
        raise TypeError(f"a {type(self).__name__} cannot be pickled; make one in each process, or fork")

    def __del__(self) -> None:
        if self._closed or sys.is_finalizing():
            return
        if self._is_used and not self._is_shut_down:
            warnings.warn(f"{self!r} was not shut down", ResourceWarning, stacklevel=2, source=self)
        self._discard()

    # For the kinds of producers

    def _discard(self) -> None:
        """Nobody has it any more: frees it, on whatever thread this is."""
        raise NotImplementedError

    def _read_unread(self) -> None:
        """Reads what is there, unless somebody else does."""
        raise NotImplementedError

    def _stop_reading(self, timeout: float | None) -> None:
        """The end: reads what is there, and no more."""
        raise NotImplementedError

    def _settle(self, future: FutureType, outcome: Delivery | ProducerError) -> None:
        raise NotImplementedError

    def _handler_failed(self, failure: BaseException) -> None:
        raise NotImplementedError

    # Producing

    def _offer(self, record: bytes) -> bool:
        """Whether there was room for the message."""
        taken: int = lib.ap_produce_packed(self._handle, record, len(record))
        if taken < 0:
            raise self._closed_error(taken) or error(taken, objection(record) if taken == _INVALID else "")
        return taken == 1

    def _offer_batch(self, batch: Batch) -> bool:
        """Whether there was room for all that is left of the messages."""
        taken = batch.offer(self._handle)
        if taken < 0:
            raise self._closed_error(taken) or error(taken)
        return batch.is_taken()

    def _new_tag(self, future: FutureType, topic: str) -> int:
        arrive()
        tag = next(self._tags)
        self._awaited[tag] = (future, topic)
        return tag

    # Reading

    def _read_all(self) -> None:
        while self._read():
            pass

    def _read(self) -> int:
        """Reads some events, settles and tells; how many there were."""
        reading = self._reading
        if not reading.acquire(blocking=False):
            return 0  # Another one is at it, and goes on until there are none.
        try:
            count = self._inbox.read()
            self._progress += 1
            if self._awaited or self._wanted & EVERYDAY or self._inbox.has_details():
                self._telling = threading.get_ident()
                if not self._tell_all(self._digest_all()):
                    return 0
        finally:
            self._telling = None
            reading.release()
        if self._line.waiting:
            self._line.serve()
        return count

    def _digest_all(self) -> list[Event]:
        """Settles the futures of messages; answers the events that the handler wants."""
        events = []
        with suppress(Freed):
            for entry in self._inbox.entries(self._wanted, self._awaited):
                event = self._digest(entry)
                if event:
                    events.append(event)
        return events

    def _digest(self, entry: Entry) -> Event | None:
        type = entry[TYPE]
        wanted = type & self._wanted
        event = self._inbox.event(entry) if wanted or type != DELIVERED else None
        awaited = self._awaited.pop(entry[TAG], None) if type & SETTLEMENTS else None
        if awaited:
            future, topic = awaited
            if event is None or event.message is None:
                self._settle(future, Delivery(topic, entry[PARTITION], entry[OFFSET], entry[TIMESTAMP]))
            else:
                self._settle(future, _failure(event))
        return event if wanted else None

    def _tell_all(self, events: list[Event]) -> bool:
        """Calls the handler. False: it forked, and this is the child, so that the rest is the parent's to tell."""
        on_event, reading = self._on_event, self._reading
        if on_event is None:
            return True
        for event in events:
            self._progress += 1
            try:
                on_event(event)
            except BaseException as failure:  # The program's; the events after this one must be told all the same.
                self._handler_failed(failure)
            if reading is not self._reading:
                return False
        return True

    def _is_telling(self) -> bool:
        """Whether this is inside a handler, or a callback of a future."""
        return self._telling == threading.get_ident()

    # Ending

    def _refuse_in_handler(self) -> None:
        if self._is_telling():
            raise WouldDeadlock("a call that waits is not possible in an event handler")

    def _flush_in_slices(self, deadline: float) -> int:
        """The way to wait where there can be no other thread."""
        while True:
            left = deadline - time.monotonic()
            status: int = lib.ap_flush(self._handle, milliseconds(min(max(left, 0), _SLICE_SECONDS)))
            self._read_unread()
            if status != Status.TIMED_OUT or left <= 0:
                return status

    def _close(self) -> None:
        arrive()
        with self._closing:
            if self._closed:
                return
            self._is_shut_down = True
            lib.ap_shutdown(self._handle, 0)
            self._line.close()
            self._stop_reading(_CLOSE_SECONDS)
            self._last_stats = self.stats()
            self._closed = True
            lib.ap_free(self._handle)
        if self._last_stats.dropped:
            logger.warning("closed; %d messages were dropped undelivered", self._last_stats.dropped)
        while self._awaited:  # A handler was too slow for them to be read.
            _, (future, _) = self._awaited.popitem()
            self._settle(future, ShutDown("the producer was closed before the end of the message was read"))

    def _exit(self, deadline: float) -> None:
        if self._closed:
            return
        if self._is_used:
            self._flush_in_slices(deadline)
        self._close()

    def _after_fork(self) -> None:
        self._begin()

    # Errors

    def _check(self, status: int) -> None:
        if status < 0:
            raise self._closed_error(status) or error(status)

    def _closed_error(self, status: int) -> ShutDown | None:
        if self._closed and status == Status.INVALID_ARGUMENT:
            return ShutDown("the producer is closed")
        return None


def _failure(event: Event) -> DeliveryFailed:
    failure = DeliveryFailed(event.text)
    failure.status = event.status
    failure.kafka_error = event.kafka_error
    failure.persistence = event.persistence
    failure.message = event.message
    return failure


def milliseconds(timeout: float | None, name: str = "timeout") -> int:
    if timeout is None:
        return -1
    if not isinstance(timeout, (int, float)):
        raise TypeError(f"{name} must be a number of seconds or None, not {type(timeout).__name__}")
    if not timeout >= 0:
        raise InvalidArgument(f"{name} is {timeout}; None or 0 and more seconds are allowed")
    return min(math.ceil(timeout * 1000), 2**62) if math.isfinite(timeout) else -1


def check_tag(tag: int) -> None:
    if not isinstance(tag, int):
        raise TypeError(f"tag must be int, not {type(tag).__name__}")
    if not 0 <= tag < FIRST_AWAITED_TAG:
        raise InvalidArgument(f"tag is {tag}; 0 to {FIRST_AWAITED_TAG - 1} are allowed")
