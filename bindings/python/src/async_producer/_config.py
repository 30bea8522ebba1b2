"""From a mapping of properties to a handle of the library."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any, Union

from . import _library as lib
from ._errors import ConfigError, NoMemory, error

#: What the value of a property may be; a list is joined with commas.
Value = Union[str, int, float, bool, list[str], tuple[str, ...]]

_ERROR_SIZE = 1024


class Config:
    """The configuration of one producer, for the length of a `with`."""

    def __init__(self) -> None:
        #: Seconds that a call may wait for room: None where it was not set. The waiting is done in Python, where it
        #: neither holds the interpreter up nor keeps Ctrl-C from coming through.
        self.overflow_wait: float | None = None
        self._error = ctypes.create_string_buffer(_ERROR_SIZE)
        self._handle = lib.ap_config_new()
        if not self._handle:
            raise NoMemory("a configuration cannot be allocated")

    def __enter__(self) -> Config:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        lib.ap_config_free(self._handle)

    def update(self, properties: Mapping[str, Value]) -> None:
        for name, value in properties.items():
            if not isinstance(name, str):
                raise TypeError(f"the name of a property must be str, not {type(name).__name__}")
            self._set(name, _text(name, value))

    def update_from_keywords(self, keywords: Mapping[str, Value]) -> None:
        """A keyword is the name of a property, with underscores for its dots."""
        self.update({self._full_name(keyword): value for keyword, value in keywords.items()})

    def new_producer(self, events: int) -> ctypes.c_void_p:
        self._set("event_mode", "poll", own=True)
        if self.overflow_wait is not None:
            self._set("overflow_wait", "0", own=True)
        self._check(lib.ap_config_set_event_callback(self._handle, events, None, None, None))
        handle = ctypes.c_void_p()
        self._check(lib.ap_new(self._handle, ctypes.byref(handle), self._error, _ERROR_SIZE))
        return handle

    def _full_name(self, keyword: str) -> str:
        known = lib.ap_config_get(self._handle, keyword.encode(), None, ctypes.byref(ctypes.c_size_t()))
        return keyword if known == 0 else keyword.replace("_", ".")

    def _set(self, name: str, text: str, own: bool = False) -> None:
        if "\0" in name or "\0" in text:
            raise ConfigError(f"{name}: a NUL character is not allowed")
        if name == "event_mode" and not own:
            raise ConfigError(f"event_mode: {text} is not allowed: this binding sets it to poll itself")
        self._check(lib.ap_config_set(self._handle, name.encode(), text.encode(), self._error, _ERROR_SIZE))
        if name == "overflow_wait" and not own:
            self.overflow_wait = float(text)

    def _check(self, status: int) -> None:
        if status < 0:
            raise error(status, self._error.value.decode("utf-8", "replace"))


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.9f}".rstrip("0").rstrip(".")  # 1e-05 would not be understood
    if isinstance(value, (str, int)):
        return str(value)
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    raise TypeError(f"{name} must be str, int, float, bool or a list of str, not {type(value).__name__}")
