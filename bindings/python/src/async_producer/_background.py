"""A call that waits, on a thread of its own."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Any


def call(function: Any, *arguments: Any) -> Future[int]:
    """Calls a function of the library on a thread of its own, so that the caller waits in Python: Ctrl-C comes through
    there, and an event loop goes on.

    The thread is the call's: it ends with it, also where nobody waits any more.
    """
    answer: Future[int] = Future()

    def run() -> None:
        answer.set_running_or_notify_cancel()
        answer.set_result(function(*arguments))

    threading.Thread(target=run, name="async_producer call", daemon=True).start()
    return answer
