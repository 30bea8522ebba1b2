"""Hands messages to Kafka in the background: the Python binding of the shared library async_producer.

from async_producer import Producer

with Producer(bootstrap_servers="localhost:9092", delivery_interval=1) as producer:
    producer.produce("greetings", "hello", key="en")
"""

from ._async_producer import AsyncProducer
from ._enums import EventType, Persistence, Status
from ._errors import (
    BufferOverflow,
    ClientError,
    ConfigError,
    DeliveryFailed,
    InternalError,
    InvalidArgument,
    MessageTooLarge,
    NoMemory,
    ProducerError,
    ShutDown,
    TimedOut,
    Undelivered,
    Unsupported,
    WouldDeadlock,
)
from ._event import Delivery, Event, log_event
from ._library import LibraryNotFound, __version__, library_version
from ._message import Headers, Message, Payload
from ._producer import Producer
from ._stats import Stats

__all__ = [
    "AsyncProducer",
    "BufferOverflow",
    "ClientError",
    "ConfigError",
    "Delivery",
    "DeliveryFailed",
    "Event",
    "EventType",
    "Headers",
    "InternalError",
    "InvalidArgument",
    "LibraryNotFound",
    "Message",
    "MessageTooLarge",
    "NoMemory",
    "Payload",
    "Persistence",
    "Producer",
    "ProducerError",
    "ShutDown",
    "Stats",
    "Status",
    "TimedOut",
    "Undelivered",
    "Unsupported",
    "WouldDeadlock",
    "__version__",
    "library_version",
    "log_event",
]
