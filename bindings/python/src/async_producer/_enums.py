"""The numbers of the C header, by name."""

from __future__ import annotations

from enum import IntEnum, IntFlag


class Status(IntEnum):
    """What the library answers; `str()` gives the name in the C header."""

    OK = 0
    INVALID_ARGUMENT = -1
    BUFFER_OVERFLOW = -2
    MESSAGE_TOO_LARGE = -3
    SHUT_DOWN = -4
    TIMED_OUT = -5
    CONFIG = -6
    CLIENT = -7
    UNDELIVERED = -8
    WOULD_DEADLOCK = -9
    NO_MEMORY = -10
    INTERNAL = -11
    UNSUPPORTED = -12

    def __str__(self) -> str:
        return "AP_OK" if self is Status.OK else f"AP_ERR_{self.name}"

    @classmethod
    def _missing_(cls, value: object) -> Status:
        return cls.INTERNAL  # of a later version of the library


class EventType(IntFlag):
    """The types of events; an OR of them is a choice of types."""

    ENQUEUED = 1
    BUFFER_OVERFLOW = 2
    DELIVERY_STARTED = 4
    DELIVERY_FINISHED = 8
    DELIVERED = 16
    FAILED = 32
    RETRY = 64
    DROPPED = 128
    STALLED = 256
    ERROR = 512
    LOG = 1024
    STATS = 2048

    SETTLEMENTS = DELIVERED | FAILED | DROPPED
    PROBLEMS = FAILED | DROPPED | STALLED | ERROR
    ALL = 4095


class Persistence(IntEnum):
    """What is known of a message in Kafka's log."""

    NO = 0
    POSSIBLY = 1
    YES = 2
