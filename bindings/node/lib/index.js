'use strict';

const { libraryVersion } = require('./library');
const { Producer } = require('./producer');
const {
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
} = require('./errors');

module.exports = {
  Producer,
  libraryVersion,
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
};
