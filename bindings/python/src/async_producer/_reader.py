"""The thread that reads events."""

from __future__ import annotations

import select
import socket
import threading
from collections import deque
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
        self._door, self._knocker = socket.socketpair()
        self._door.setblocking(False)
        self._waiting: deque[threading.Event] = deque()
        self._stopped = self._ended = False
        self._thread = threading.Thread(target=self._run, name="async_producer", daemon=True)
        try:
            self._thread.start()
        except BaseException:
            self.forget()
            raise

    def catch_up(self) -> threading.Event:
        """What is set when the events that are there now are read and told."""
        caught_up = threading.Event()
        self._waiting.append(caught_up)
        if self._ended:
            caught_up.set()
        with suppress(OSError):  # It may have ended, and closed the other end.
            self._knocker.send(b"\0")
        return caught_up

    def stop(self) -> threading.Event:
        """As `catch_up()`; then it ends."""
        self._stopped = True
        return self.catch_up()

    def is_current(self) -> bool:
        return self._thread is threading.current_thread()

    def forget(self) -> None:
        """Closes its descriptors: those of a thread that never was, or that a forked child does not have."""
        for end in (self._events, self._door, self._knocker):
            end.close()

    def _is_here(self) -> bool:
        """Not so where a handler forked, in the child that came back from it."""
        return self._door.fileno() >= 0

    def _run(self) -> None:
        try:
            self._watch()
        finally:
            self._ended = True
            self._tell(len(self._waiting))
            self.forget()

    def _watch(self) -> None:
        poll = select.poll()
        poll.register(self._events, select.POLLIN)
        poll.register(self._door, select.POLLIN)
        stopped = False
        while not stopped and self._is_here():
            poll.poll()
            with suppress(BlockingIOError):
                self._door.recv(4096)
            stopped, waiting = self._stopped, len(self._waiting)
            read = self._read()
            if read is None:
                return
            read()
            del read
            self._tell(waiting)

    def _tell(self, waiting: int) -> None:
        for _ in range(waiting):
            self._waiting.popleft().set()
