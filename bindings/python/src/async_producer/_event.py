"""Events, as a handler is told of them."""

from __future__ import annotations

import logging
from typing import NamedTuple

from ._enums import EventType, Persistence, Status
from ._message import Message

logger = logging.getLogger("async_producer")
logger.addHandler(logging.NullHandler())

_SYSLOG_LEVELS = (logging.CRITICAL,) * 3 + (
    logging.ERROR,
    logging.WARNING,
    logging.INFO,
    logging.INFO,
    logging.DEBUG,
)
_LEVELS = {
    EventType.FAILED: logging.ERROR,
    EventType.ERROR: logging.ERROR,
    EventType.STALLED: logging.WARNING,
    EventType.RETRY: logging.WARNING,
}


class Delivery(NamedTuple):
    """Where an acknowledged message is in Kafka."""

    topic: str
    partition: int
    offset: int
    #: Milliseconds since 1970 (UTC).
    timestamp: int


class Event(NamedTuple):
    """Something that happened. What a type does not speak of is 0, None, or -1 for partition and offset."""

    type: EventType
    status: Status
    #: librdkafka's error code (negative: its own, positive: the broker's), 0 = none.
    kafka_error: int
    topic: str | None
    partition: int
    offset: int
    #: The message's in milliseconds since 1970 (UTC); else the time of the event.
    timestamp: int
    #: The tag given with the message.
    tag: int
    #: How many messages, or how many coalesced occurrences, the event speaks of.
    message_count: int
    #: Seconds: of DELIVERED since the message was accepted, of DELIVERY_FINISHED the delivery's, of RETRY the pause.
    duration: float
    #: How many attempts were made.
    attempt: int
    persistence: Persistence
    #: One line for a person; for STATS the JSON document.
    text: str
    #: The whole message, of FAILED and DROPPED.
    message: Message | None
    #: The syslog level (0 to 7) of a LOG line.
    log_level: int | None


def log_event(event: Event) -> None:
    """The handler where none is given: writes an event to the logger `async_producer`.

    Of dropped messages there may be very many: each is for DEBUG, and their number is a WARNING when the producer is
    closed.
    """
    if event.log_level is not None:
        level = _SYSLOG_LEVELS[event.log_level & 7]
    else:
        level = _LEVELS.get(event.type, logging.DEBUG)
    about = "" if event.topic is None else f" {event.topic}"
    logger.log(level, "%s%s: %s", event.type.name, about, event.text)
