'use strict';

const { library } = require('./library');
const { codeOf } = require('./errors');
const { readRecord } = require('./record');

/** The names under which events are emitted, in the order of their bits in the C header. */
const NAMES = [
  'enqueued',
  'bufferOverflow',
  'deliveryStarted',
  'deliveryFinished',
  'delivered',
  'failed',
  'retry',
  'dropped',
  'stalled',
  'clientError', // Not 'error', which ends the process where nobody listens: these pass, and delivery goes on.
  'log',
  'stats',
];

const bitOf = (name) => 1 << NAMES.indexOf(name);

const nameOf = (type) => NAMES[31 - Math.clz32(type)];

const Type = Object.freeze({
  DELIVERED: bitOf('delivered'),
  SETTLED: bitOf('delivered') | bitOf('failed') | bitOf('dropped'),
  CLIENT_ERROR: bitOf('clientError'),
});

const PERSISTENCE = ['no', 'possibly', 'yes'];
const WORD = 2 ** 32;

/** The entries that ap_poll_events() fills, and one of them to read from at a time. */
class Entries {
  static SIZE = 64;

  constructor(capacity) {
    const memory = new ArrayBuffer(capacity * Entries.SIZE);
    this.capacity = capacity;
    this.memory = new Uint8Array(memory);
    this.words = new Uint32Array(memory);
    this.signed = new Int32Array(memory);
    this.base = 0;
  }

  select(index) {
    this.base = (index * Entries.SIZE) / 4;
    return this;
  }

  get id() {
    return this.#wide(0);
  }

  get tagLow() {
    return this.words[this.base + 2];
  }

  get tagHigh() {
    return this.words[this.base + 3];
  }

  get offset() {
    return this.#wide(4);
  }

  get timestamp() {
    return this.#wide(6);
  }

  /** In milliseconds. */
  get duration() {
    return this.#wide(8) / 1000;
  }

  get type() {
    return this.words[this.base + 10];
  }

  get status() {
    return this.signed[this.base + 11];
  }

  get kafkaError() {
    return this.signed[this.base + 12];
  }

  get partition() {
    return this.signed[this.base + 13];
  }

  get count() {
    return this.words[this.base + 14];
  }

  get attempts() {
    return this.words[this.base + 15] & 0xffff;
  }

  get persistence() {
    return PERSISTENCE[this.words[this.base + 15] >>> 16];
  }

  #wide(word) {
    return this.signed[this.base + word + 1] * WORD + this.words[this.base + word];
  }
}

/** Looks up what an entry does not say. It is there until the next ap_poll_events(). */
class Details {
  #scratch = Buffer.allocUnsafeSlow(16 * 1024);

  constructor(handle) {
    this.handle = handle;
  }

  text(id) {
    const read = (buffer) => library().ap_event_text(this.handle, id, buffer, buffer.length);
    const length = read(this.#scratch);
    if (length < this.#scratch.length) return this.#scratch.toString('utf8', 0, length);
    const whole = Buffer.allocUnsafeSlow(length + 1);
    read(whole);
    return whole.toString('utf8', 0, length);
  }

  message(id, tag) {
    const read = (buffer) => library().ap_event_message(this.handle, id, buffer, buffer.length);
    const length = read(this.#scratch);
    if (length <= this.#scratch.length) return readRecord(Buffer.from(this.#scratch.subarray(0, length)), tag);
    const whole = Buffer.allocUnsafeSlow(length);
    read(whole);
    return readRecord(whole, tag);
  }

  topic(id) {
    return this.message(id).topic;
  }
}

const status = (entry) => ({ status: entry.status, code: codeOf(entry.status) });

const told = (entry, details) => ({ kafkaError: entry.kafkaError, text: details.text(entry.id) });

const admission = (entry, details, tag) => ({ topic: details.topic(entry.id), tag, count: entry.count });

const loss = (entry, details, tag) => ({
  ...status(entry),
  ...told(entry, details),
  tag,
  partition: entry.partition,
  persistence: entry.persistence,
  attempts: entry.attempts,
  duration: entry.duration,
  message: details.message(entry.id, tag),
});

/** What each type of event says beside its type and its time. */
const FIELDS = {
  enqueued: admission,
  bufferOverflow: admission,
  deliveryStarted: (entry) => ({ count: entry.count }),
  deliveryFinished: (entry) => ({
    ...status(entry),
    count: entry.count,
    attempts: entry.attempts,
    duration: entry.duration,
  }),
  delivered: (entry, details, tag) => ({
    tag,
    partition: entry.partition,
    offset: entry.offset,
    attempts: entry.attempts,
    duration: entry.duration,
  }),
  failed: loss,
  dropped: loss,
  retry: (entry, details) => ({
    ...told(entry, details),
    topic: details.topic(entry.id),
    partition: entry.partition,
    count: entry.count,
    attempts: entry.attempts,
    pause: entry.duration,
  }),
  stalled: (entry, details) => ({ ...told(entry, details), count: entry.count }),
  clientError: (entry, details) => ({ ...status(entry), ...told(entry, details), count: entry.count }),
  log: (entry, details) => ({ level: entry.status, text: details.text(entry.id), count: entry.count }),
  stats: (entry, details) => ({ statistics: JSON.parse(details.message(entry.id).value) }),
};

/** The event of an entry, as listeners get it. */
function eventOf(entry, details, tag) {
  const type = nameOf(entry.type);
  return { type, timestamp: entry.timestamp, ...FIELDS[type](entry, details, tag) };
}

/** The mask of the events that are told: those named, and settlements, by which the binding itself works. */
function maskOf(names) {
  return names.reduce((mask, name) => mask | bitOf(name), Type.SETTLED | Type.CLIENT_ERROR);
}

module.exports = { NAMES, Type, Entries, Details, nameOf, eventOf, maskOf };
