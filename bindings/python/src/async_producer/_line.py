"""Callers that wait for room."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any, Callable, Protocol

from ._errors import ProducerError, ShutDown


class Waiter(Protocol):
    """A future, of `concurrent.futures` or of `asyncio`."""

    def done(self) -> bool: ...
    def set_result(self, result: Any) -> None: ...
    def set_exception(self, exception: BaseException) -> None: ...


class Line:
    """First come, first served: whoever reads that messages are settled serves the callers in front.

    A caller brings an `attempt`, which answers whether there was room, and a future, which is done when there was.
    """

    def __init__(self, deliver: Callable[[], object]) -> None:
        self._deliver = deliver
        self._lock = threading.RLock()
        #: Those in it.
        self.waiting: deque[tuple[Callable[[], bool], Waiter]] = deque()
        self._closed = False

    def join(self, attempt: Callable[[], bool], waiter: Waiter) -> None:
        with self._lock:
            if self._closed:
                raise ShutDown("the producer is shut down")
            self.waiting.append((attempt, waiter))
            self.serve()  # There may be room since the caller looked.

    def leave(self, waiter: Waiter) -> None:
        with self._lock:
            self.waiting = deque(pair for pair in self.waiting if pair[1] is not waiter)
            self.serve()

    def serve(self) -> None:
        with self._lock:
            while self.waiting:
                attempt, waiter = self.waiting[0]
                try:
                    if not waiter.done():
                        if not attempt():
                            # What is queued must be on its way, or no room would ever come.
                            self._deliver()
                            return
                        waiter.set_result(None)
                except ProducerError as error:
                    waiter.set_exception(error)
                self.waiting.popleft()

    def close(self) -> None:
        """Refuses those who wait and those who come."""
        with self._lock:
            self._closed = True
            while self.waiting:
                _, waiter = self.waiting.popleft()
                if not waiter.done():
                    waiter.set_exception(ShutDown("the producer is shut down"))
