'use strict';

/** The base of every error with a status of the library: `status` is its number, `code` its name. */
class AsyncProducerError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
    this.code = codeOf(status);
  }

  get name() {
    return this.constructor.name;
  }
}

class InvalidArgumentError extends AsyncProducerError {}
class BufferOverflowError extends AsyncProducerError {}
class MessageTooLargeError extends AsyncProducerError {}
class ShutDownError extends AsyncProducerError {}
class TimedOutError extends AsyncProducerError {}
class ConfigError extends AsyncProducerError {}
class ClientError extends AsyncProducerError {}
class UndeliveredError extends AsyncProducerError {}
class NoMemoryError extends AsyncProducerError {}
class InternalError extends AsyncProducerError {}
class UnsupportedError extends AsyncProducerError {}

/** What a promise of `send()` rejects with: one message failed or was dropped; `event` has everything about it. */
class DeliveryError extends AsyncProducerError {
  constructor(event) {
    super(event.status, event.text);
    this.event = event;
  }
}

/** The shared library was not found, or is of another version. */
class LibraryError extends AsyncProducerError {
  constructor(message) {
    super(Status.UNSUPPORTED, message);
  }
}

const Status = Object.freeze({
  OK: 0,
  INVALID_ARGUMENT: -1,
  BUFFER_OVERFLOW: -2,
  MESSAGE_TOO_LARGE: -3,
  SHUT_DOWN: -4,
  TIMED_OUT: -5,
  CONFIG: -6,
  CLIENT: -7,
  UNDELIVERED: -8,
  WOULD_DEADLOCK: -9,
  NO_MEMORY: -10,
  INTERNAL: -11,
  UNSUPPORTED: -12,
});

const names = new Map(Object.entries(Status).map(([name, status]) => [status, name]));

const classes = new Map([
  [Status.INVALID_ARGUMENT, InvalidArgumentError],
  [Status.BUFFER_OVERFLOW, BufferOverflowError],
  [Status.MESSAGE_TOO_LARGE, MessageTooLargeError],
  [Status.SHUT_DOWN, ShutDownError],
  [Status.TIMED_OUT, TimedOutError],
  [Status.CONFIG, ConfigError],
  [Status.CLIENT, ClientError],
  [Status.UNDELIVERED, UndeliveredError],
  [Status.NO_MEMORY, NoMemoryError],
  [Status.INTERNAL, InternalError],
  [Status.UNSUPPORTED, UnsupportedError],
]);

/** The name of a status as the C header has it, such as `AP_ERR_CONFIG`. */
function codeOf(status) {
  if (status === Status.OK) return 'AP_OK';
  return `AP_ERR_${names.get(status) ?? 'UNKNOWN'}`;
}

/** The error of a status. */
function errorOf(status, message) {
  const Class = classes.get(status) ?? AsyncProducerError;
  return new Class(status, message);
}

/** A TypeError as Node.js itself words it. */
function typeError(argument, allowed, received) {
  const error = new TypeError(`The "${argument}" argument must be ${allowed}. Received ${describe(received)}`);
  error.code = 'ERR_INVALID_ARG_TYPE';
  return error;
}

/** A RangeError as Node.js itself words it. */
function rangeError(argument, allowed, received) {
  const error = new RangeError(
    `The value of "${argument}" is out of range. It must be ${allowed}. Received ${received}`,
  );
  error.code = 'ERR_OUT_OF_RANGE';
  return error;
}

function describe(value) {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'function') return `function ${value.name}`;
  if (typeof value === 'object') return `an instance of ${value.constructor?.name ?? 'Object'}`;
  return `type ${typeof value} (${String(value).slice(0, 40)})`;
}

module.exports = {
  AsyncProducerError,
  InvalidArgumentError,
  BufferOverflowError,
  MessageTooLargeError,
  ShutDownError,
  TimedOutError,
  ConfigError,
  ClientError,
  UndeliveredError,
  NoMemoryError,
  InternalError,
  UnsupportedError,
  DeliveryError,
  LibraryError,
  Status,
  codeOf,
  errorOf,
  typeError,
  rangeError,
};
