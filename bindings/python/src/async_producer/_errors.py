"""The exceptions. Each has a `status`; those that mean what a built-in exception means are of that kind too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _library as lib
from ._enums import Persistence, Status

if TYPE_CHECKING:
    from ._message import Message


class ProducerError(Exception):
    """The base of all of them."""

    status: Status = Status.INTERNAL


class InvalidArgument(ProducerError, ValueError):
    """A topic, partition, timestamp, size or timeout is not allowed. Nothing was done."""

    status = Status.INVALID_ARGUMENT


class BufferOverflow(ProducerError, BufferError):
    """There is no room. `accepted` says how many messages of a `produce_many()` were taken, from the front."""

    status = Status.BUFFER_OVERFLOW
    accepted: int = 0


class MessageTooLarge(ProducerError, ValueError):
    """The message is larger than message.max.bytes, or could never fit in max_pending_bytes. Nothing was queued."""

    status = Status.MESSAGE_TOO_LARGE


class ShutDown(ProducerError):
    """The producer is shut down, shutting down or closed. Nothing was queued."""

    status = Status.SHUT_DOWN


class TimedOut(ProducerError, TimeoutError):
    """The timeout of `flush()` passed first; delivery goes on."""

    status = Status.TIMED_OUT


class ConfigError(ProducerError, ValueError):
    """A property is unknown, its value is not allowed, or properties contradict each other."""

    status = Status.CONFIG


class ClientError(ProducerError):
    """The Kafka client or a thread of the library could not be started."""

    status = Status.CLIENT


class Undelivered(ProducerError):
    """`flush()` or `shutdown()` ended with messages that were not delivered; an event told of each."""

    status = Status.UNDELIVERED


class WouldDeadlock(ProducerError, RuntimeError):
    """A call that waits was made in an event handler, where it could never return."""

    status = Status.WOULD_DEADLOCK


class NoMemory(ProducerError, MemoryError):
    """Memory could not be allocated. Nothing was done."""

    status = Status.NO_MEMORY


class InternalError(ProducerError):
    """A defect of the library was contained; the producer refuses further work."""

    status = Status.INTERNAL


class Unsupported(ProducerError):
    """Not available in this build of the library."""

    status = Status.UNSUPPORTED


class DeliveryFailed(ProducerError):
    """What the future of a message that was not delivered raises."""

    status = Status.UNDELIVERED
    #: librdkafka's error code (negative: its own, positive: the broker's), 0 = none.
    kafka_error: int = 0
    #: Whether Kafka may have the message all the same: with NO, sending it again makes no duplicate.
    persistence: Persistence = Persistence.NO
    #: The message, whole.
    message: Message | None = None


_CLASSES: dict[int, type[ProducerError]] = {
    kind.status: kind
    for kind in (
        InvalidArgument,
        BufferOverflow,
        MessageTooLarge,
        ShutDown,
        TimedOut,
        ConfigError,
        ClientError,
        Undelivered,
        WouldDeadlock,
        NoMemory,
        InternalError,
        Unsupported,
    )
}


def error(status: int, text: str = "") -> ProducerError:
    """The exception of a status. Without a text it says what the library says of the status."""
    sentence: bytes = lib.ap_status_message(status)
    return _CLASSES.get(status, InternalError)(text or sentence.decode())


def check(status: int, text: str = "") -> None:
    if status < 0:
        raise error(status, text)
