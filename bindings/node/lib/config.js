'use strict';

const { library, check } = require('./library');
const { ConfigError, Status, errorOf, typeError } = require('./errors');

/** The library's own properties; every other one is librdkafka's, whose names have dots. */
const OWN = new Set([
  'max_queue_size',
  'max_buffer_size',
  'max_buffer_bytesize',
  'delivery_threshold',
  'delivery_interval',
  'max_retries',
  'retry_backoff',
  'max_pending_bytes',
  'overflow_wait',
  'event_mode',
  'stall_report_interval',
  'partitioner',
]);

/** The property a key stands for: `maxQueueSize` is max_queue_size, `clientId` is client.id, `brokers` the servers. */
function propertyOf(key) {
  if (key === 'brokers') return 'bootstrap.servers';
  if (!/^[a-z]+([A-Z][a-z0-9]*)+$/.test(key)) return key;
  const words = key.split(/(?=[A-Z])/).map((word) => word.toLowerCase());
  const own = words.join('_');
  return OWN.has(own) ? own : words.join('.');
}

function textOf(key, value) {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value.join(',');
  throw typeError(key, 'a string, a number, a boolean or an array of strings', value);
}

/** The properties as pairs of texts; what is undefined is not set. */
function propertiesOf(config) {
  if (typeof config !== 'object' || config === null) throw typeError('config', 'an object', config);
  return Object.entries(config)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => [propertyOf(key), textOf(key, value)]);
}

/**
 * Makes a producer of the library. Answers its handle, and how many milliseconds `send()` may wait for room: the
 * library's own wait would block the event loop, on which room is made.
 */
function newProducer(config, mask) {
  const properties = new Map(propertiesOf(config));
  const mode = properties.get('event_mode') ?? 'poll';
  if (mode !== 'poll') throw new ConfigError(Status.CONFIG, `event_mode: "${mode}" is not allowed; in Node.js poll is`);
  const handle = library().ap_config_new();
  try {
    for (const [key, value] of properties) set(handle, key, value);
    set(handle, 'event_mode', 'poll');
    set(handle, 'overflow_wait', '0');
    check(library().ap_config_set_event_callback(handle, mask, null, null, null));
    return { handle: make(handle), overflowWait: Number(properties.get('overflow_wait') ?? 0) * 1000 };
  } finally {
    library().ap_config_free(handle);
  }
}

function set(config, key, value) {
  // C would end the text at a NUL, and take a part of it for the whole.
  if ((key + value).includes('\0')) throw new ConfigError(Status.CONFIG, `${key}: a NUL is not allowed`);
  withText((text, size) => library().ap_config_set(config, key, value, text, size));
}

function make(config) {
  const producer = new BigUint64Array(1);
  withText((text, size) => library().ap_new(config, producer, text, size));
  const handle = producer[0];
  return handle <= Number.MAX_SAFE_INTEGER ? Number(handle) : handle; // A number is quicker to pass than a BigInt.
}

/** Runs a function that answers a status and writes the reason into a buffer. */
function withText(body) {
  const text = Buffer.alloc(1024);
  const status = body(text, text.length);
  if (status !== Status.OK) throw errorOf(status, text.toString('utf8', 0, text.indexOf(0)));
}

module.exports = { newProducer };
