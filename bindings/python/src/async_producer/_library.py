"""The shared library: where it is looked for, and its functions with their types.

The same file is bound twice. `PyDLL` keeps the interpreter lock during a call: right for what never blocks, as it costs
nothing and no other thread can be in the way. `CDLL` releases it: right for what may block. No callback is ever given
to the library, so none of its threads enters the interpreter.
"""

from __future__ import annotations

import ctypes
import os
from ctypes import c_char_p, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from pathlib import Path
from typing import Any

__version__ = "0.1.0"

ENVIRONMENT = "ASYNC_PRODUCER_LIBRARY"
SONAME = "libasync_producer.so.0"


class LibraryNotFound(ImportError):
    """The shared library was not found, cannot be loaded, or is of another version."""


def _load() -> tuple[Any, Any]:
    named = os.environ.get(ENVIRONMENT)
    bundled = Path(__file__).parent / SONAME
    if named:
        return _open(named, f"{ENVIRONMENT}={named}")
    if bundled.exists():
        return _open(str(bundled), str(bundled))
    return _open(SONAME, f"{ENVIRONMENT} (not set), {bundled} (not there) and the system's loader ({SONAME})")


def _open(path: str, tried: str) -> tuple[Any, Any]:
    try:
        return ctypes.PyDLL(path), ctypes.CDLL(path)
    except OSError as error:
        raise LibraryNotFound(f"the library of async_producer cannot be loaded: {error}; tried: {tried}") from None


def _check_version(running: int) -> None:
    """Before 1.0 a minor version may change the ABI; a patch version only adds to it."""
    found = (running >> 16, running >> 8 & 0xFF, running & 0xFF)
    wanted = tuple(int(part) for part in __version__.split("."))
    if found[:2] != wanted[:2] or found < wanted:
        raise LibraryNotFound(
            f"the library of async_producer is version {_dotted(found)}; this package needs {_dotted(wanted)} "
            f"or a later {_dotted(wanted[:2])}.x"
        )


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


_keeping_lock, _releasing_lock = _load()


def _never_blocks(name: str, result: Any, *arguments: Any) -> Any:
    return _bind(_keeping_lock, name, result, arguments)


def _may_block(name: str, result: Any, *arguments: Any) -> Any:
    return _bind(_releasing_lock, name, result, arguments)


def _bind(library: Any, name: str, result: Any, arguments: tuple[Any, ...]) -> Any:
    function = getattr(library, name)
    function.restype = result
    function.argtypes = arguments
    return function


ap_version = _never_blocks("ap_version", c_uint32)
_check_version(ap_version())

ap_version_string = _never_blocks("ap_version_string", c_char_p)
ap_status_message = _never_blocks("ap_status_message", c_char_p, c_int32)

ap_config_new = _never_blocks("ap_config_new", c_void_p)
ap_config_set = _never_blocks("ap_config_set", c_int32, c_void_p, c_char_p, c_char_p, c_char_p, c_size_t)
ap_config_get = _never_blocks("ap_config_get", c_int32, c_void_p, c_char_p, c_char_p, ctypes.POINTER(c_size_t))
ap_config_set_event_callback = _never_blocks(
    "ap_config_set_event_callback", c_int32, c_void_p, c_uint32, c_void_p, c_void_p, c_void_p
)
ap_config_free = _never_blocks("ap_config_free", None, c_void_p)

ap_new = _may_block("ap_new", c_int32, c_void_p, ctypes.POINTER(c_void_p), c_char_p, c_size_t)
ap_produce_packed = _never_blocks("ap_produce_packed", c_int64, c_void_p, c_char_p, c_size_t)
ap_produce_arrays = _never_blocks(
    "ap_produce_arrays",
    c_int64,
    c_void_p,
    c_char_p,
    c_char_p,
    c_size_t,
    c_void_p,
    c_char_p,
    c_size_t,
    c_void_p,
    c_size_t,
    c_uint64,
)
ap_deliver = _never_blocks("ap_deliver", c_int32, c_void_p)
ap_flush = _may_block("ap_flush", c_int32, c_void_p, c_int64)
ap_clear = _may_block("ap_clear", c_int64, c_void_p)
ap_shutdown = _may_block("ap_shutdown", c_int32, c_void_p, c_int64)
ap_free = _may_block("ap_free", None, c_void_p)
ap_stats = _never_blocks("ap_stats", c_int32, c_void_p, c_void_p)

ap_event_fd = _never_blocks("ap_event_fd", c_int32, c_void_p)
ap_poll_events = _never_blocks("ap_poll_events", c_int64, c_void_p, c_int64, c_void_p, c_size_t, c_size_t)
ap_event_text = _never_blocks("ap_event_text", c_int64, c_void_p, c_uint64, c_void_p, c_size_t)
ap_event_message = _never_blocks("ap_event_message", c_int64, c_void_p, c_uint64, c_void_p, c_size_t)


def library_version() -> str:
    """The version of the running library and of the librdkafka inside it."""
    text: bytes = ap_version_string()
    return text.decode()
