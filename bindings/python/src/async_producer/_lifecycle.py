"""What happens to producers when the interpreter exits or the process forks."""

from __future__ import annotations

import atexit
import mmap
import os
import threading
import time
import weakref
from contextlib import suppress
from typing import Protocol


class Living(Protocol):
    def _exit(self, deadline: float) -> None: ...
    def _after_fork(self) -> None: ...

    @property
    def exit_timeout(self) -> float: ...


_living: weakref.WeakSet[Living] = weakref.WeakSet()

#: Python does not give this name of madvise(2) a number.
_MADV_WIPEONFORK = 18
#: A page that the kernel wipes in a forked child, where Python's own hooks do not run if a server forks in C (uWSGI).
_page = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
with suppress(OSError):  # before Linux 4.14
    _page.madvise(_MADV_WIPEONFORK)
_page[0] = True
#: By process, as a child may inherit a lock locked.
_arriving: dict[int, threading.RLock] = {}


def arrive() -> None:
    """Before a producer is used: in the child of a fork that Python did not see, all of them begin anew."""
    if not _page[0]:
        with _arriving.setdefault(os.getpid(), threading.RLock()):
            if not _page[0]:
                _in_child()


def watch(producer: Living) -> None:
    _living.add(producer)


def _at_exit() -> None:
    arrive()
    began = time.monotonic()
    for producer in list(_living):
        producer._exit(began + producer.exit_timeout)


def _in_child() -> None:
    for producer in list(_living):
        producer._after_fork()
    _page[0] = True


# At the import, so that it comes after what the program registers: such functions may still produce.
atexit.register(_at_exit)
os.register_at_fork(after_in_child=_in_child)
