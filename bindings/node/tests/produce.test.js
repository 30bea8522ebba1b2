'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { InvalidArgumentError, MessageTooLargeError } = require('async-producer');
const { DEAD, MOCK, errorOf, eventsOf, producerOf } = require('./support');

/** What comes back of messages that are dropped: what the library had of them. */
async function roundTrip(t, messages) {
  const producer = producerOf(t, { ...DEAD, max_queue_size: 1000 });
  const events = eventsOf(producer, 'dropped');
  for (const message of messages) producer.produce({ topic: 'topic', ...message });
  await producer.close();
  return events.map(({ message }) => message);
}

const text = (bytes) => bytes?.toString() ?? null;

test('S2 10,000 messages, each tag comes back exactly once', async (t) => {
  const producer = producerOf(t, { ...MOCK, max_queue_size: 10_000, delivery_threshold: 1000 });
  const events = eventsOf(producer, 'delivered');
  for (let tag = 0; tag < 10_000; tag++) producer.produce({ topic: 'topic', value: `${tag}`, tag });
  await producer.flush();
  assert.deepEqual(
    events.map(({ tag }) => tag).sort((a, b) => a - b),
    Array.from({ length: 10_000 }, (_, tag) => tag),
  );
  assert.equal(producer.outstanding, 0);
  assert.equal(producer.stats().delivered, 10_000);
});

test('S3 null and empty stay apart in key, value, partition key and header values', async (t) => {
  const empties = ['', Buffer.alloc(0), new Uint8Array(0), Buffer.from('')];
  const nulls = await roundTrip(t, [{ key: null, value: null, partitionKey: null, headers: [['h', null]] }]);
  assert.deepEqual([nulls[0].key, nulls[0].value, nulls[0].partitionKey, nulls[0].headers[0][1]], Array(4).fill(null));
  const messages = empties.map((empty) => ({ key: empty, value: empty, partitionKey: empty, headers: { h: empty } }));
  for (const { key, value, partitionKey, headers } of await roundTrip(t, messages)) {
    assert.deepEqual([key, value, partitionKey, headers[0][1]].map(text), ['', '', '', '']);
  }
});

test('S3 what is left out: no key, no headers, any partition, the time of the call', async (t) => {
  const before = Date.now();
  const [message] = await roundTrip(t, [{ value: 'v' }]);
  const { timestamp, value, ...rest } = message;
  assert.equal(text(value), 'v');
  assert.ok(timestamp >= before && timestamp <= Date.now());
  const defaults = { topic: 'topic', key: null, headers: [], partition: undefined, partitionKey: null, tag: 0 };
  assert.deepEqual(rest, defaults);
});

test('S4 bytes of any kind and size come back as they were', async (t) => {
  const pool = Buffer.from('--pooled--').subarray(2, 8); // A view with an offset into a shared buffer.
  const unaligned = new Uint8Array(new ArrayBuffer(11), 3, 5).fill(7);
  const values = [
    Buffer.from([0, 1, 0, 255, 0]),
    Buffer.alloc(1_000_000 - 100, 'm'),
    pool,
    unaligned,
    Buffer.from('after a large one'),
  ];
  const found = await roundTrip(
    t,
    values.map((value) => ({ value, key: value.subarray(0, 3) })),
  );
  found.forEach(({ value, key }, index) => {
    assert.ok(value.equals(values[index]), `value ${index}`);
    assert.ok(key.equals(values[index].subarray(0, 3)), `key ${index}`);
  });
});

test('S4 a buffer may be used again right after the call', async (t) => {
  const producer = producerOf(t, DEAD);
  const events = eventsOf(producer, 'dropped');
  const buffer = Buffer.from('first');
  producer.produce({ topic: 'topic', key: buffer, value: buffer });
  buffer.fill('x');
  await producer.close();
  assert.deepEqual([events[0].message.key, events[0].message.value].map(text), ['first', 'first']);
});

test('S4 strings are UTF-8, of any length, with a NUL in them', async (t) => {
  const strings = ['a\0b', 'grün ☕ 𝄞', 'é'.repeat(2000), 'x'.repeat(100_000), 'ß'.repeat(23), 'a'.repeat(1023)];
  const found = await roundTrip(
    t,
    strings.map((string) => ({ value: string, key: string, headers: { h: string } })),
  );
  found.forEach(({ value, key, headers }, index) => {
    assert.deepEqual([value, key, headers[0][1]].map(text), Array(3).fill(strings[index]));
  });
});

test('every field comes back, and what came back can be produced again', async (t) => {
  const message = {
    topic: 'other.topic',
    key: 'k',
    value: 'v',
    headers: [
      ['h1', 'v1'],
      ['h2', null],
      ['grün', ''],
      ['h1', 'again'],
    ],
    partition: 3,
    partitionKey: 'pk',
    timestamp: new Date(1700000000123),
    tag: Number.MAX_SAFE_INTEGER,
  };
  const [first] = await roundTrip(t, [message]);
  const [second] = await roundTrip(t, [first]);
  for (const { headers, key, value, partitionKey, ...rest } of [first, second]) {
    assert.deepEqual([key, value, partitionKey].map(text), ['k', 'v', 'pk']);
    assert.deepEqual(
      headers.map(([name, bytes]) => [name, text(bytes)]),
      message.headers,
    );
    assert.deepEqual(rest, { topic: 'other.topic', partition: 3, timestamp: 1700000000123, tag: message.tag });
  }
});

test('headers: an object, lists in it, a Map, pairs', async (t) => {
  const forms = [
    { a: '1', b: ['2', Buffer.from('3')] },
    new Map([
      ['a', '1'],
      ['b', ['2', '3']],
    ]),
    [
      ['a', '1'],
      ['b', '2'],
      ['b', '3'],
    ],
  ];
  const found = await roundTrip(
    t,
    forms.map((headers) => ({ value: '', headers })),
  );
  const expected = [
    ['a', '1'],
    ['b', '2'],
    ['b', '3'],
  ];
  for (const { headers } of found) {
    assert.deepEqual(
      headers.map(([name, bytes]) => [name, text(bytes)]),
      expected,
    );
  }
});

test('a wrong type is refused by the name of the argument', async (t) => {
  const producer = producerOf(t, DEAD);
  const wrong = {
    topic: [5, null, undefined, Buffer.from('t')],
    value: [undefined, 5, {}, [1], true, new ArrayBuffer(1)],
    key: [5, {}, false],
    partitionKey: [5],
    headers: ['text', 5, [['a']], [5], { a: undefined }, { a: 5 }, { a: ['x', 5] }],
    partition: ['1', 1.5, 2 ** 31, NaN, {}],
    timestamp: ['now', 1.5, new Date(NaN), Infinity],
    tag: ['1', -1, 1.5, 2 ** 53, 5n],
  };
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) {
      const error = await errorOf(() => producer.produce({ topic: 'topic', value: 'v', [name]: value }));
      assert.match(error.code, /^ERR_(INVALID_ARG_TYPE|OUT_OF_RANGE)$/, `${name}: ${error.stack}`);
      assert.match(error.message, new RegExp(`"${name}[."]`));
    }
  }
  for (const message of [null, undefined, 'text', 5]) {
    assert.match((await errorOf(() => producer.produce(message))).message, /"message"/);
  }
  assert.equal(producer.stats().accepted, 0);
});

test('a value that is not allowed is refused with a sentence that names it', async (t) => {
  const producer = producerOf(t, DEAD);
  const refused = async (message) => {
    const error = await errorOf(() => producer.produce({ topic: 'topic', value: 'v', ...message }));
    assert.ok(error instanceof InvalidArgumentError);
    assert.deepEqual([error.code, error.status], ['AP_ERR_INVALID_ARGUMENT', -1]);
    return error.message;
  };
  for (const topic of ['', 'bad topic', 'a\0b', '.', '..', 'x'.repeat(250), 'grün']) {
    assert.match(await refused({ topic }), /^The topic ".*" is not allowed; 1 to 249 letters/);
  }
  assert.match(await refused({ partition: -2 }), /partition -2/);
  assert.match(await refused({ timestamp: -1 }), /timestamp -1/);
  assert.match(await refused({ headers: { 'a\0b': '' } }), /header has a NUL/);
  assert.equal(producer.stats().accepted, 0);
});

test('a message that is too large is refused', async (t) => {
  const producer = producerOf(t, DEAD);
  const error = await errorOf(() => producer.produce({ topic: 'topic', value: Buffer.alloc(2_000_000) }));
  assert.ok(error instanceof MessageTooLargeError);
  assert.match(error.message, /"topic".*message\.max\.bytes/);
});

test('S6 a batch: any topics and fields, in order, and how many were taken', async (t) => {
  const producer = producerOf(t, { ...DEAD, max_queue_size: 3, max_buffer_size: 2 });
  const events = eventsOf(producer, 'dropped');
  const batch = Array.from({ length: 8 }, (_, tag) => ({
    topic: `t${tag % 2}`,
    value: `v${tag}`,
    tag,
    headers: { tag: `${tag}` },
  }));
  assert.equal(producer.produceBatch(batch), 5);
  assert.equal(producer.produceBatch(batch), 0);
  assert.equal(producer.produceBatch([]), 0);
  assert.equal(producer.outstanding, 5);
  await producer.close();
  const found = events.map(({ message }) => [
    message.topic,
    text(message.value),
    message.tag,
    text(message.headers[0][1]),
  ]);
  assert.deepEqual(
    found.sort((a, b) => a[2] - b[2]),
    [0, 1, 2, 3, 4].map((tag) => [`t${tag % 2}`, `v${tag}`, tag, `${tag}`]),
  );
});

test('S6 where one message of a batch is wrong, none is taken', async (t) => {
  const producer = producerOf(t, DEAD);
  const good = { topic: 'topic', value: 'v' };
  for (const bad of [
    { topic: 'bad topic', value: '' },
    { topic: 'topic' },
    { topic: 'topic', value: Buffer.alloc(2e6) },
  ]) {
    await errorOf(() => producer.produceBatch([good, good, bad]));
    assert.equal(producer.stats().accepted, 0);
  }
  assert.match((await errorOf(() => producer.produceBatch([good, { topic: 'a b', value: '' }]))).message, /"a b"/);
  assert.match((await errorOf(() => producer.produceBatch(good))).message, /"messages" argument must be an array/);
});

test('S6 a batch larger than the buffer that is kept', async (t) => {
  const producer = producerOf(t, MOCK);
  const batch = Array.from({ length: 30 }, (_, tag) => ({ topic: 'topic', value: Buffer.alloc(200_000, tag), tag }));
  assert.equal(producer.produceBatch(batch), 30);
  assert.equal(producer.produceBatch([{ topic: 'topic', value: 'small' }]), 1);
  await producer.flush();
  assert.equal(producer.stats().delivered, 31);
});
