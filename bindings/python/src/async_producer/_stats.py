"""The counters of a producer."""

from __future__ import annotations

import ctypes
from typing import NamedTuple

from . import _library as lib
from ._errors import check


class Stats(NamedTuple):
    """The counters since the producer was made, and the state of its limits now."""

    accepted: int
    delivered: int
    failed: int
    #: Of the failed ones, those of which it is not known whether Kafka has them.
    unknown: int
    dropped: int
    overflowed: int
    retried: int
    queue_size: int
    max_queue_size: int
    buffer_size: int
    max_buffer_size: int
    in_flight: int
    pending_bytes: int
    #: 0 = no limit.
    max_pending_bytes: int
    deliveries: int
    #: Microseconds.
    last_delivery_us: int
    unread_events: int
    client_resets: int


def read_stats(handle: ctypes.c_void_p) -> Stats:
    numbers = (ctypes.c_uint64 * (1 + len(Stats._fields)))()
    numbers[0] = ctypes.sizeof(numbers)
    check(lib.ap_stats(handle, numbers))
    return Stats(*numbers[1:])
