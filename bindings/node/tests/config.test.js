'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { ConfigError, Producer, UnsupportedError } = require('async-producer');
const { DEAD, errorOf, producerOf } = require('./support');

const refused = (config, options) => errorOf(() => new Producer(config, options));

test('an unknown property is named', async () => {
  const error = await refused({ ...DEAD, 'no.such.property': 1 });
  assert.ok(error instanceof ConfigError);
  assert.equal(error.name, 'ConfigError');
  assert.deepEqual([error.code, error.status], ['AP_ERR_CONFIG', -6]);
  assert.match(error.message, /no\.such\.property/);
});

test('a value that is not allowed is named, with what is', async () => {
  const { message } = await refused({ ...DEAD, max_queue_size: 0 });
  assert.match(message, /max_queue_size: "0" is not allowed; a whole number from 1 to/);
});

test('properties that contradict each other are named', async () => {
  const { message } = await refused({ ...DEAD, max_buffer_size: 5, delivery_threshold: 6 });
  assert.match(message, /delivery_threshold.*max_buffer_size/);
});

test('a missing bootstrap.servers is named', async () => {
  assert.match((await refused({})).message, /bootstrap\.servers/);
});

test('a property that cannot be honoured is refused', async () => {
  assert.ok((await refused({ ...DEAD, 'transactional.id': 'x' })) instanceof UnsupportedError);
});

test('camel case names the same properties', (t) => {
  const producer = producerOf(t, { brokers: ['127.0.0.1:1', 'localhost:1'], maxQueueSize: 7, maxBufferSize: '3' });
  const { maxQueueSize, maxBufferSize } = producer.stats();
  assert.deepEqual([maxQueueSize, maxBufferSize], [7, 3]);
});

test('camel case of librdkafka has dots', async () => {
  assert.match((await refused({ ...DEAD, compressionCodec: 'brotli' })).message, /compression\.codec/);
  assert.match(
    (await refused({ ...DEAD, securityProtocol: 'ssl', sslCaLocation: '/nowhere/ca.pem' })).message,
    /ssl\.ca\.location/,
  );
});

test('numbers, booleans and lists become text, undefined is not set', (t) => {
  producerOf(t, {
    ...DEAD,
    'enable.idempotence': true,
    'linger.ms': 0.5,
    'client.id': undefined,
    deliveryInterval: 0.25,
  });
});

test('other types are refused by the name of the property', async () => {
  for (const value of [null, {}, Symbol('x'), 5n, [1], () => {}]) {
    const error = await refused({ ...DEAD, 'client.id': value });
    assert.equal(error.code, 'ERR_INVALID_ARG_TYPE');
    assert.match(error.message, /"client\.id"/);
  }
});

test('a NUL is refused instead of ending the value', async () => {
  const { message } = await refused({ ...DEAD, 'client.id': 'a\0b' });
  assert.match(message, /client\.id: a NUL/);
});

test('event_mode is poll here', async (t) => {
  assert.match((await refused({ ...DEAD, event_mode: 'callback' })).message, /event_mode: "callback".*poll/);
  producerOf(t, { ...DEAD, event_mode: 'poll' });
});

test('overflow_wait is checked by the library', async () => {
  assert.match((await refused({ ...DEAD, overflow_wait: -1 })).message, /overflow_wait/);
});

test('options are checked', async () => {
  assert.match((await refused(DEAD, { events: ['error'] })).message, /options\.events.*"error"/);
  assert.match((await refused(DEAD, { events: 'log' })).message, /options\.events.*array/);
  assert.match((await refused(DEAD, { shutdownTimeout: -1 })).message, /timeout/);
  assert.match((await refused('localhost:9092')).message, /config/);
});
