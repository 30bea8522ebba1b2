"""Many messages of one topic, for ap_produce_arrays()."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from typing import Optional

from . import _library as lib
from ._errors import InvalidArgument
from ._message import Payload, is_topic, join, text, topic_objection

Payloads = Iterable[Optional[Payload]]


class Batch:
    """Remembers how many of its messages were taken, so that the rest can be offered again."""

    def __init__(self, topic: str, values: Payloads, keys: Payloads | None, tag: int) -> None:
        self._topic = text(topic, "topic")
        if not is_topic(topic):
            raise InvalidArgument(topic_objection(topic))
        self._values = _listed(values, "values")
        self._keys = None if keys is None else _listed(keys, "keys")
        if self._keys is not None and len(self._keys) != len(self._values):
            raise InvalidArgument(
                f"there are {len(self._values)} values and {len(self._keys)} keys; as many are needed"
            )
        self._tag = tag
        self.taken = 0

    def is_taken(self) -> bool:
        return self.taken == len(self._values)

    def offer(self, handle: ctypes.c_void_p) -> int:
        """How many of the rest were taken, or a negative status."""
        values, value_sizes = join(self._values[self.taken :], "values")
        keys, key_sizes = b"", None
        if self._keys is not None:
            keys, key_sizes = join(self._keys[self.taken :], "keys")
        taken: int = lib.ap_produce_arrays(
            handle,
            self._topic,
            keys,
            len(keys),
            key_sizes.buffer_info()[0] if key_sizes else None,
            values,
            len(values),
            value_sizes.buffer_info()[0],
            len(value_sizes),
            self._tag + self.taken,
        )
        self.taken += max(0, taken)
        return taken


def _listed(items: Payloads, name: str) -> list[Payload | None]:
    # A string has characters and bytes have numbers: neither is a list of messages.
    if isinstance(items, (str, bytes, bytearray, memoryview)):
        raise TypeError(f"{name} must be an iterable of messages, not one {type(items).__name__}")
    return list(items)
