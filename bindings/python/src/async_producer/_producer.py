"""The producer for programs with threads."""

from __future__ import annotations

import functools
import math
import threading
import time
from collections.abc import Mapping
from concurrent import futures
from contextlib import suppress
from types import TracebackType
from typing import Any, Callable
from weakref import WeakMethod

from . import _library as lib
from ._background import call
from ._base import Base, Handler, Item, check_tag, milliseconds
from ._batch import Batch, Payloads
from ._config import Value
from ._enums import EventType, Status
from ._errors import BufferOverflow, ProducerError, error
from ._event import Delivery, log_event
from ._lifecycle import arrive
from ._message import Headers, Payload, pack
from ._reader import Reader

#: How many seconds a handler may take for one event before nobody waits for it any more.
_PATIENCE = 5.0


class Producer(Base["futures.Future[Delivery]"]):
    """Hands messages to Kafka in the background. Every method may be called from any thread.

    `config` maps the names of the library's and librdkafka's properties to values; keywords do the same, with
    underscores for the dots of a name. `on_event` is called with each event of the types `events`, on a thread of this
    package and never twice at a time.

    At the end of a `with` the producer is shut down without a limit of time, or within `exit_timeout` seconds where an
    exception ends it.
    """

    def __init__(
        self,
        config: Mapping[str, Value] | None = None,
        *,
        on_event: Handler | None = log_event,
        events: EventType = EventType.PROBLEMS,
        exit_timeout: float = 5.0,
        **properties: Value,
    ) -> None:
        self._reader: Reader | None = None
        self._starting = threading.RLock()
        super().__init__(config, on_event, events, exit_timeout, properties)

    # Producing

    def produce(
        self,
        topic: str,
        value: Payload | None = None,
        *,
        key: Payload | None = None,
        headers: Headers | None = None,
        partition: int | None = None,
        partition_key: Payload | None = None,
        timestamp: int | None = None,
        tag: int = 0,
    ) -> None:
        """Queues a message and returns at once. A value of None is Kafka's null, a tombstone.

        Where there is no room it raises BufferOverflow; with the property overflow_wait it waits that long for room.
        `timestamp` is in milliseconds since 1970; `tag` comes back in the message's events.
        """
        if tag:
            check_tag(tag)
        record = pack(topic, value, key, headers, partition, partition_key, timestamp, tag)
        self._accept(self._offer, record)

    def produce_many(self, topic: str, values: Payloads, keys: Payloads | None = None, *, tag: int = 0) -> None:
        """Queues many messages of one topic, in order, many times cheaper than one by one.

        Where there is no room for all, it raises BufferOverflow, whose `accepted` says how many were taken from the
        front. The tags count up from `tag`.
        """
        check_tag(tag)
        batch = Batch(topic, values, keys, tag)
        try:
            self._accept(self._offer_batch, batch)
        except BufferOverflow as overflow:
            overflow.accepted = batch.taken
            raise

    def send(
        self,
        topic: str,
        value: Payload | None = None,
        *,
        key: Payload | None = None,
        headers: Headers | None = None,
        partition: int | None = None,
        partition_key: Payload | None = None,
        timestamp: int | None = None,
    ) -> futures.Future[Delivery]:
        """As `produce()`; the future is done when the message is settled, and raises DeliveryFailed where it was not
        delivered.

        A message is sent when the delivery policy says so: to wait for a future without delivery_threshold or
        delivery_interval, call `deliver()` first. Cancelling the future does not withdraw the message.
        """
        future: futures.Future[Delivery] = futures.Future()
        tag = self._new_tag(future, topic)
        try:
            record = pack(topic, value, key, headers, partition, partition_key, timestamp, tag)
            self._accept(self._offer, record)
        except BaseException:
            self._awaited.pop(tag, None)
            raise
        return future

    # Waiting

    def flush(self, timeout: float | None = None) -> None:
        """Delivers, and waits until everything accepted before the call is settled and told.

        Raises Undelivered where some of it was not delivered, TimedOut where `timeout` seconds passed first. Ctrl-C
        ends the wait, not the delivery.
        """
        arrive()
        self._refuse_in_handler()
        limit = milliseconds(timeout)
        began = time.monotonic()
        status = lib.ap_flush(self._handle, 0) if limit == 0 else self._wait(lib.ap_flush, limit)
        if status != Status.TIMED_OUT and self._reader is not None:
            self._wait_for_reader(self._reader.catch_up(), _rest(limit, began))
        self._check(status)

    def shutdown(self, timeout: float | None = None) -> None:
        """Takes no more messages, delivers what there is, and waits until everything is settled and told.

        What is left after `timeout` seconds is dropped and handed back in events; then it raises Undelivered. Ctrl-C
        ends the wait, not the shutdown: another call waits on, and one with a shorter timeout shortens it.
        """
        arrive()
        self._refuse_in_handler()
        limit = milliseconds(timeout)
        if self._closed:
            return
        self._is_shut_down = True
        self._line.close()
        began = time.monotonic()
        status = self._wait(lib.ap_shutdown, limit)
        self._stop_reading(_rest(limit, began))
        self._check(status)

    def close(self) -> None:
        """Frees the producer. Where it was not shut down, what is undelivered is dropped and handed back in events."""
        self._close()

    def __enter__(self) -> Producer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if exception is None:
                self.shutdown()
            else:
                with suppress(ProducerError):  # The exception that is on its way says more; events tell of the rest.
                    self.shutdown(self.exit_timeout)
        finally:
            self.close()

    # Inside

    def _accept(self, offer: Callable[[Item], bool], item: Item) -> None:
        arrive()
        if self._reader is None:
            self._start_reader()
        if self._line.waiting or not offer(item):
            self._wait_for_room(functools.partial(offer, item))

    def _wait_for_room(self, attempt: Callable[[], bool]) -> None:
        # The handler is not made to wait: it may be what makes room.
        patience = 0 if self._is_telling() else self._overflow_wait or 0
        waiter: futures.Future[None] = futures.Future()
        if patience:
            self._line.join(attempt, waiter)
            try:
                futures.wait([waiter], patience)
            finally:
                self._line.leave(waiter)
        if not waiter.done():
            raise error(BufferOverflow.status)
        waiter.result()

    def _start_reader(self) -> None:
        with self._starting:
            if self._reader is not None or self._closed:
                return
            self._is_used = True
            descriptor = lib.ap_event_fd(self._handle)
            self._check(descriptor)
            try:
                self._reader = Reader(descriptor, WeakMethod(self._read_all))
            except RuntimeError:
                # At the exit of the interpreter there are no new threads: those who wait read the events then.
                if threading.main_thread().is_alive():
                    raise

    def _wait(self, function: Any, limit: int) -> int:
        try:
            return call(function, self._handle, limit).result()
        except RuntimeError:
            if threading.main_thread().is_alive():
                raise
        status = self._flush_in_slices(math.inf if limit < 0 else time.monotonic() + limit / 1000)
        return status if function is lib.ap_flush else int(function(self._handle, 0))

    def _wait_for_reader(self, told: threading.Event, timeout: float | None) -> None:
        """Waits until handlers and futures are told of everything, for as long as they get on."""
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            progress, left = self._progress, deadline - time.monotonic()
            if told.wait(min(max(left, 0), _PATIENCE)) or left <= 0 or self._progress == progress:
                return

    # What `Base` asks for

    def _discard(self) -> None:
        self._close()

    def _read_unread(self) -> None:
        # A handler may be slow: it is the reader's, and must not hold up an exit.
        if self._reader is None:
            self._read_all()

    def _stop_reading(self, timeout: float | None) -> None:
        if self._reader is None:
            self._read_all()
            return
        told = self._reader.stop()
        if not self._reader.is_current():
            self._wait_for_reader(told, timeout)

    def _settle(self, future: futures.Future[Delivery], outcome: Delivery | ProducerError) -> None:
        if not future.set_running_or_notify_cancel():
            return
        if isinstance(outcome, Delivery):
            future.set_result(outcome)
        else:
            future.set_exception(outcome)

    def _handler_failed(self, failure: BaseException) -> None:
        thread = threading.current_thread()
        threading.excepthook(threading.ExceptHookArgs((type(failure), failure, failure.__traceback__, thread)))

    def _after_fork(self) -> None:
        super()._after_fork()
        if self._reader is not None:
            self._reader.forget()
        self._reader = None
        self._starting = threading.RLock()


def _rest(limit: int, began: float) -> float | None:
    """What is left of a limit in milliseconds for handlers that are behind: a second at least."""
    return None if limit < 0 else max(1.0, began + limit / 1000 - time.monotonic())
