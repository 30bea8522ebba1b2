'use strict';

const { isDate, isUint8Array } = require('node:util').types;
const { rangeError, typeError } = require('./errors');

/*
 * The packed records of ap_produce_packed(), of which the C header has the layout. All messages go to the library in
 * this form: it keeps null and empty apart, which an FFI does not do for pointers, and takes one call for any number.
 */

const HEAD = 48;
const TAG = 32;
const HEADER_HEAD = 8;
const WORD = 2 ** 32;

/** The size a buffer starts with, and up to which it is kept for the next call. */
const SMALLEST = 16 * 1024;
const KEPT = 1024 * 1024;

/** Texts below are written unit by unit, quicker than by a call of Buffer. */
const SHORT = 24;
const LONG = 1024;

/** Packs messages into one buffer, which is used again and again. */
class RecordWriter {
  #bytes;
  #view;
  #end = 0;

  constructor() {
    this.#allocate(SMALLEST);
  }

  get bytes() {
    return this.#bytes;
  }

  get length() {
    return this.#end;
  }

  /** Forgets what was written. */
  clear() {
    this.#end = 0;
    if (this.#bytes.length > KEPT) this.#allocate(SMALLEST);
  }

  /** A copy of what was written, to be sent later. */
  copy() {
    return Buffer.from(this.#bytes.subarray(0, this.#end));
  }

  /** Appends a message; its own tag does not count. Throws where it has a wrong type. */
  append(message, low, high) {
    if (typeof message !== 'object' || message === null) throw typeError('message', 'an object', message);
    const { topic, key, value, headers, partition, partitionKey, timestamp } = message;
    const start = this.#end;
    this.#reserve(HEAD);
    this.#end += HEAD;
    const topicLength = this.#name('topic', topic);
    const keyLength = key === undefined ? -1 : this.#blob('key', key);
    const valueLength = this.#blob('value', value);
    const partitionKeyLength = partitionKey === undefined ? -1 : this.#blob('partitionKey', partitionKey);
    const headerCount = headers === undefined || headers === null ? 0 : this.#headers(headers);
    const time = timeOf(timestamp);
    const view = this.#view;
    view.setUint32(start, this.#end - start, true);
    view.setUint32(start + 4, topicLength, true);
    view.setInt32(start + 8, partitionOf(partition), true);
    view.setInt32(start + 12, keyLength, true);
    view.setInt32(start + 16, valueLength, true);
    view.setInt32(start + 20, partitionKeyLength, true);
    view.setUint32(start + 24, time >>> 0, true);
    view.setInt32(start + 28, Math.floor(time / WORD), true);
    view.setUint32(start + TAG, low, true);
    view.setUint32(start + TAG + 4, high, true);
    view.setUint32(start + 40, headerCount, true);
    view.setUint32(start + 44, 0, true);
  }

  #headers(headers) {
    if (typeof headers !== 'object') throw typeError('headers', 'an object or an iterable of pairs', headers);
    let count = 0;
    if (typeof headers[Symbol.iterator] !== 'function') {
      for (const name of Object.keys(headers)) count += this.#valuesOf(name, headers[name]);
      return count;
    }
    for (const pair of headers) {
      if (!Array.isArray(pair) || pair.length !== 2) throw typeError('headers', 'made of [name, value] pairs', pair);
      count += this.#valuesOf(pair[0], pair[1]);
    }
    return count;
  }

  /** Appends a header for each of its values; answers how many. */
  #valuesOf(name, value) {
    if (!Array.isArray(value)) {
      this.#header(name, value);
      return 1;
    }
    for (const one of value) this.#header(name, one);
    return value.length;
  }

  #header(name, value) {
    const start = this.#end;
    this.#reserve(HEADER_HEAD);
    this.#end += HEADER_HEAD;
    const nameLength = this.#name('headers', name);
    const valueLength = this.#blob('headers', value, name);
    this.#view.setUint32(start, nameLength, true);
    this.#view.setInt32(start + 4, valueLength, true);
  }

  /** Appends a text and a NUL; answers its bytes without that. */
  #name(argument, text) {
    if (typeof text !== 'string') throw typeError(argument, 'of type string', text);
    const length = this.#text(text);
    this.#reserve(1);
    this.#bytes[this.#end++] = 0;
    return length;
  }

  /** Appends bytes; answers how many, -1 for null. */
  #blob(argument, value, name) {
    if (typeof value === 'string') return this.#text(value);
    if (value === null) return -1;
    if (!isUint8Array(value)) {
      const place = name === undefined ? argument : `${argument}.${name}`;
      throw typeError(place, 'a string, a Buffer, a Uint8Array or null', value);
    }
    this.#reserve(value.length);
    this.#bytes.set(value, this.#end);
    this.#end += value.length;
    return value.length;
  }

  #text(text) {
    // A UTF-16 unit takes three bytes at the most; counting is dearer than room, but for long texts.
    this.#reserve(text.length < LONG ? text.length * 3 : Buffer.byteLength(text));
    const length = text.length < SHORT && this.#ascii(text) ? text.length : this.#bytes.write(text, this.#end);
    this.#end += length;
    return length;
  }

  /** Writes a text where it is ASCII; false where it is not. */
  #ascii(text) {
    const bytes = this.#bytes;
    const end = this.#end;
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      if (code > 0x7f) return false;
      bytes[end + index] = code;
    }
    return true;
  }

  #reserve(count) {
    const needed = this.#end + count;
    if (needed <= this.#bytes.length) return;
    const old = this.#bytes;
    this.#allocate(Math.max(needed, old.length * 2));
    this.#bytes.set(old.subarray(0, this.#end));
  }

  #allocate(size) {
    this.#bytes = Buffer.allocUnsafeSlow(size);
    this.#view = new DataView(this.#bytes.buffer);
  }
}

function partitionOf(partition) {
  if (partition === undefined || partition === null) return -1;
  if (typeof partition !== 'number') throw typeError('partition', 'of type number', partition);
  if (partition !== (partition | 0)) throw rangeError('partition', 'a whole number from 0 to 2147483647', partition);
  return partition;
}

function timeOf(timestamp) {
  if (timestamp === undefined || timestamp === null) return 0;
  const time = isDate(timestamp) ? timestamp.getTime() : timestamp;
  if (typeof time !== 'number') throw typeError('timestamp', 'a number of milliseconds or a Date', time);
  if (!Number.isSafeInteger(time))
    throw rangeError('timestamp', 'a whole number of milliseconds or a valid Date', time);
  return time;
}

/** Changes the tag of a packed record. */
function retag(record, low, high) {
  record.writeUInt32LE(low, TAG);
  record.writeUInt32LE(high, TAG + 4);
}

/** The message of a packed record, whose bytes it keeps. Its tag is the caller's to say. */
function readRecord(bytes, tag) {
  let at = HEAD;
  const take = (length) => (length < 0 ? null : bytes.subarray(at, (at += length)));
  const takeName = (length) => bytes.toString('utf8', at, (at += length + 1) - 1);
  const partition = bytes.readInt32LE(8);
  const message = {
    topic: takeName(bytes.readUInt32LE(4)),
    key: take(bytes.readInt32LE(12)),
    value: take(bytes.readInt32LE(16)),
    partitionKey: take(bytes.readInt32LE(20)),
    headers: [],
    partition: partition < 0 ? undefined : partition,
    timestamp: Number(bytes.readBigInt64LE(24)),
    tag,
  };
  for (let count = bytes.readUInt32LE(40); count > 0; count--) {
    const [nameLength, valueLength] = [bytes.readUInt32LE(at), bytes.readInt32LE(at + 4)];
    at += HEADER_HEAD;
    message.headers.push([takeName(nameLength), take(valueLength)]);
  }
  return message;
}

module.exports = { RecordWriter, readRecord, retag };
