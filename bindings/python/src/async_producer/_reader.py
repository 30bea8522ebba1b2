"""The thread that reads events."""

from __future__ import annotations

import select
import socket
import threading
from contextlib import suppress
from typing import Callable
from weakref import WeakMethod


class Reader:
    """A daemon thread that calls `read` whenever the event descriptor is readable.

    It sleeps in poll(2), never in the library, so that an exit of the interpreter finds it where it does no harm. While
    it sleeps it holds no reference to the producer: one that nobody has any more is collected as usual.
    """

    def __init__(self, event_fd: int, read: WeakMethod[Callable[[], None]]) -> None:
        self._read = read
        self._events = socket.socket(fileno=event_fd)
        self._stop, self._stopper = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="async_producer", daemon=True)
        try:
            self._thread.start()
        except BaseException:
            self.forget()
            raise

    def stop(self, timeout: float | None) -> None:
        """Lets it read what is there, and waits for its end."""
        with suppress(OSError):  # It may have ended, and closed the other end.
            self._stopper.send(b"\0")
        if self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def forget(self) -> None:
        """Closes its descriptors: those of a thread that never was, or that a forked child does not have."""
        for end in (self._events, self._stop, self._stopper):
            end.close()

    def _run(self) -> None:
        try:
            self._watch()
        finally:
            self.forget()

    def _watch(self) -> None:
        stop = self._stop.fileno()
        poll = select.poll()
        poll.register(self._events, select.POLLIN)
        poll.register(stop, select.POLLIN)
        stopped = False
        while not stopped:
            ready = poll.poll()
            stopped = any(descriptor == stop for descriptor, _ in ready)
            read = self._read()
            if read is None:
                return
            read()
            del read
