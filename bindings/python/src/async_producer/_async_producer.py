"""The producer for asyncio."""

from __future__ import annotations

import asyncio
import functools
import socket
import weakref
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Callable

from . import _library as lib
from ._background import call
from ._base import Base, Handler, Item, check_tag, milliseconds
from ._batch import Batch, Payloads
from ._config import Value
from ._enums import EventType
from ._errors import BufferOverflow, ProducerError, ShutDown, error
from ._event import Delivery, log_event
from ._lifecycle import arrive
from ._message import Headers, Payload, pack

#: Readings of events in one turn of the loop, so that its other work comes in between.
_READINGS = 4


class AsyncProducer(Base["asyncio.Future[Delivery]"]):
    """Hands messages to Kafka in the background, for one event loop: the one that is running at the first use.

    It is made like a `Producer`. `on_event` is a plain function that is called in the loop. Where there is no room,
    `produce()` and `send()` wait for it in the order of the calls, without limit or for as long as the property
    overflow_wait says. Events are read by the loop itself; no thread does it.

    At the end of an `async with` the producer is shut down without a limit of time, or within `exit_timeout` seconds
    where an exception ends it.
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
        self._loop: asyncio.AbstractEventLoop | None = None
        self._socket: socket.socket | None = None
        super().__init__(config, on_event, events, exit_timeout, properties)

    # Producing

    async def produce(
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
        """Queues a message; where there is no room it waits for it. A value of None is Kafka's null, a tombstone.

        `timestamp` is in milliseconds since 1970; `tag` comes back in the message's events.
        """
        if tag:
            check_tag(tag)
        record = pack(topic, value, key, headers, partition, partition_key, timestamp, tag)
        await self._accept(self._offer, record)

    async def produce_many(self, topic: str, values: Payloads, keys: Payloads | None = None, *, tag: int = 0) -> None:
        """Queues many messages of one topic, in order, many times cheaper than one by one; waits for room for all.

        The tags count up from `tag`.
        """
        check_tag(tag)
        batch = Batch(topic, values, keys, tag)
        try:
            await self._accept(self._offer_batch, batch)
        except BufferOverflow as overflow:
            overflow.accepted = batch.taken
            raise

    async def send(
        self,
        topic: str,
        value: Payload | None = None,
        *,
        key: Payload | None = None,
        headers: Headers | None = None,
        partition: int | None = None,
        partition_key: Payload | None = None,
        timestamp: int | None = None,
    ) -> asyncio.Future[Delivery]:
        """As `produce()`; answers a future that is done when the message is settled, and raises DeliveryFailed where it
        was not delivered.

        A message is sent when the delivery policy says so: to await a future without delivery_threshold or
        delivery_interval, call `deliver()` first. Cancelling the future does not withdraw the message.
        """
        future: asyncio.Future[Delivery] = self._attach().create_future()
        tag = self._new_tag(future, topic)
        try:
            record = pack(topic, value, key, headers, partition, partition_key, timestamp, tag)
            await self._accept(self._offer, record)
        except BaseException:
            self._awaited.pop(tag, None)
            raise
        return future

    # Waiting

    async def flush(self, timeout: float | None = None) -> None:
        """Delivers, and waits until everything accepted before the call is settled and told.

        Raises Undelivered where some of it was not delivered, TimedOut where `timeout` seconds passed first.
        """
        self._attach()
        status = await asyncio.wrap_future(call(lib.ap_flush, self._handle, milliseconds(timeout)))
        self._read_all()
        self._check(status)

    async def shutdown(self, timeout: float | None = None) -> None:
        """Takes no more messages, delivers what there is, and waits until everything is settled and told.

        What is left after `timeout` seconds is dropped and handed back in events; then it raises Undelivered.
        Cancelling ends the wait, not the shutdown: another call waits on, and one with a shorter timeout shortens it.
        """
        limit = milliseconds(timeout)
        if self._closed:
            return
        self._attach()
        self._is_shut_down = True
        self._line.close()
        status = await asyncio.wrap_future(call(lib.ap_shutdown, self._handle, limit))
        self._read_all()
        self._check(status)

    def close(self) -> None:
        """Frees the producer. Where it was not shut down, what is undelivered is dropped and handed back in events."""
        self._close()

    async def __aenter__(self) -> AsyncProducer:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if exception is None:
                await self.shutdown()
            else:
                with suppress(ProducerError):  # The exception that is on its way says more; events tell of the rest.
                    await self.shutdown(self.exit_timeout)
        finally:
            self.close()

    # Inside

    async def _accept(self, offer: Callable[[Item], bool], item: Item) -> None:
        self._attach()
        if self._line.waiting or not offer(item):
            await self._wait_for_room(functools.partial(offer, item))

    async def _wait_for_room(self, attempt: Callable[[], bool]) -> None:
        waiter: asyncio.Future[None] = self._attach().create_future()
        self._line.join(attempt, waiter)
        try:
            await asyncio.wait([waiter], timeout=self._overflow_wait)
        finally:
            self._line.leave(waiter)
        if not waiter.done():
            raise error(BufferOverflow.status)
        waiter.result()

    def _attach(self) -> asyncio.AbstractEventLoop:
        """Has the running loop read the events."""
        arrive()
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            return loop
        if self._closed:
            raise ShutDown("the producer is closed")
        if self._loop is not None and not self._loop.is_closed():
            raise RuntimeError("this AsyncProducer belongs to another event loop")
        if self._socket is not None:
            self._socket.close()
        descriptor = lib.ap_event_fd(self._handle)
        self._check(descriptor)
        self._socket = socket.socket(fileno=descriptor)
        self._loop = loop
        self._is_used = True
        self._awaited.clear()  # futures of a loop that is no more
        loop.add_reader(self._socket, _read_some, weakref.ref(self))
        return loop

    # What `Base` asks for

    def _discard(self) -> None:
        # This may be any thread: only the loop's own may touch its futures and readers.
        lib.ap_free(self._handle)
        if self._loop is None or self._socket is None:
            return
        try:
            self._loop.call_soon_threadsafe(_abandon, self._loop, self._socket, list(self._awaited.values()))
        except RuntimeError:  # The loop is closed.
            self._socket.close()

    def _read_unread(self) -> None:
        self._read_all()

    def _stop_reading(self, timeout: float | None) -> None:
        self._read_all()
        if self._loop is not None and self._socket is not None:
            _detach(self._loop, self._socket)

    def _settle(self, future: asyncio.Future[Delivery], outcome: Delivery | ProducerError) -> None:
        if future.done() or future.get_loop().is_closed():
            return
        if isinstance(outcome, Delivery):
            future.set_result(outcome)
        else:
            future.set_exception(outcome)

    def _handler_failed(self, failure: BaseException) -> None:
        context = {"message": "the event handler of an AsyncProducer failed", "exception": failure}
        if self._loop is not None:
            self._loop.call_exception_handler(context)

    def _after_fork(self) -> None:
        super()._after_fork()
        # The loop is the parent's, as is what its selector watches: nothing of it may be touched.
        self._loop = None
        if self._socket is not None:
            self._socket.close()


def _read_some(reference: weakref.ref[AsyncProducer]) -> None:
    producer = reference()
    if producer is not None:
        for _ in range(_READINGS):
            if not producer._read():
                break


def _detach(loop: asyncio.AbstractEventLoop, descriptor: socket.socket) -> None:
    if not loop.is_closed():
        loop.remove_reader(descriptor)
    descriptor.close()


def _abandon(
    loop: asyncio.AbstractEventLoop,
    descriptor: socket.socket,
    awaited: list[tuple[asyncio.Future[Delivery], str]],
) -> None:
    _detach(loop, descriptor)
    for future, _ in awaited:
        if not future.done():
            future.set_exception(ShutDown("the producer was collected before the end of the message was known"))
