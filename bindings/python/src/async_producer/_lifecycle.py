"""What happens to producers when the interpreter exits or the process forks."""

from __future__ import annotations

import atexit
import os
import time
import weakref
from typing import Protocol


class Living(Protocol):
    def _exit(self, deadline: float) -> None: ...
    def _after_fork(self) -> None: ...

    @property
    def exit_timeout(self) -> float: ...


_living: weakref.WeakSet[Living] = weakref.WeakSet()


def watch(producer: Living) -> None:
    _living.add(producer)


def _at_exit() -> None:
    began = time.monotonic()
    for producer in list(_living):
        producer._exit(began + producer.exit_timeout)


def _in_child() -> None:
    for producer in list(_living):
        producer._after_fork()


# At the import, so that it comes after what the program registers: such functions may still produce.
atexit.register(_at_exit)
os.register_at_fork(after_in_child=_in_child)
