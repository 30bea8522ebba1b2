'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { BufferOverflowError, ShutDownError } = require('async-producer');
const { DEAD, MOCK, errorOf, eventOf, producerOf } = require('./support');

/** Fills a producer; answers how many messages it took. */
function fill(producer, value = 'v') {
  for (let count = 0; ; count++) {
    try {
      producer.produce({ topic: 'topic', value });
    } catch (error) {
      assert.ok(error instanceof BufferOverflowError, error.stack);
      return count;
    }
  }
}

const SMALL = { max_queue_size: 10, max_buffer_size: 5 };

test('S5 a full queue is an error, nothing was queued, and there is room again after deliveries', async (t) => {
  const producer = producerOf(t, { ...MOCK, ...SMALL });
  assert.equal(fill(producer), 15);
  const error = await errorOf(() => producer.produce({ topic: 'topic', value: 'v' }));
  assert.deepEqual([error.code, error.status, error.name], ['AP_ERR_BUFFER_OVERFLOW', -2, 'BufferOverflowError']);
  assert.match(error.message, /max_queue_size.*max_pending_bytes/);
  assert.equal(producer.outstanding, 15);
  await producer.flush();
  assert.equal(producer.outstanding, 0);
  assert.equal(fill(producer), 15);
});

test('S5 the limit of bytes', async (t) => {
  const producer = producerOf(t, { ...MOCK, max_pending_bytes: 100_000 });
  const count = fill(producer, Buffer.alloc(10_000));
  assert.ok(count > 5 && count < 10, `${count}`);
  await producer.room();
  producer.produce({ topic: 'topic', value: 'v' });
});

test('room() without an overflow is there at once', async (t) => {
  await producerOf(t, DEAD).room();
});

test('room() in a loop: every message is accepted, one or a hundred at a time', async (t) => {
  const producer = producerOf(t, { ...MOCK, ...SMALL });
  for (let i = 0; i < 200; i++) {
    try {
      producer.produce({ topic: 'topic', value: `${i}` });
    } catch (error) {
      assert.ok(error instanceof BufferOverflowError);
      await producer.room();
      i--;
    }
  }
  let rest = Array.from({ length: 200 }, (_, i) => ({ topic: 'topic', value: `${i}` }));
  for (;;) {
    rest = rest.slice(producer.produceBatch(rest));
    if (rest.length === 0) break;
    await producer.room();
  }
  await producer.flush();
  assert.equal(producer.stats().delivered, 400);
});

test('room() after a while: room that was made in between is not missed', async (t) => {
  const producer = producerOf(t, { ...MOCK, ...SMALL });
  fill(producer);
  await producer.flush();
  await producer.room();
  producer.produce({ topic: 'topic', value: 'v' });
});

test('room() is made by losses as well', async (t) => {
  const producer = producerOf(t, { ...DEAD, ...SMALL });
  assert.equal(fill(producer), 15);
  const room = producer.room();
  assert.equal(producer.clear(), 15);
  await room;
  assert.equal(fill(producer), 15);
});

test('room() ends with the producer', async (t) => {
  const producer = producerOf(t, { ...DEAD, ...SMALL });
  fill(producer);
  const room = errorOf(() => producer.room());
  await producer.close();
  assert.ok((await room) instanceof ShutDownError);
  assert.ok((await errorOf(() => producer.room())) instanceof ShutDownError);
});

test('send() answers where the message is', async (t) => {
  const producer = producerOf(t, MOCK);
  const before = Date.now();
  for (let offset = 0; offset < 3; offset++) {
    const delivery = await producer.send({ topic: 'topic', value: 'v', partition: 1, tag: 40 + offset });
    assert.deepEqual(
      [delivery.type, delivery.topic, delivery.partition, delivery.offset, delivery.tag, delivery.attempts],
      ['delivered', 'topic', 1, offset, 40 + offset, 1],
    );
    assert.ok(delivery.timestamp >= before && delivery.duration > 0);
  }
});

test('send() of a turn go together, and each has its own answer', async (t) => {
  const producer = producerOf(t, MOCK);
  const send = (_, i) => producer.send({ topic: 'topic', value: `${i}`, partition: 0 });
  const offsets = (await Promise.all(Array.from({ length: 500 }, send))).map(({ offset }) => offset);
  assert.deepEqual(
    offsets,
    Array.from({ length: 500 }, (_, i) => i),
  );
  assert.ok(producer.stats().deliveries < 5, `${producer.stats().deliveries} deliveries`);
});

test('send() rejects what produce() throws', async (t) => {
  const producer = producerOf(t, { ...DEAD, ...SMALL });
  assert.match((await errorOf(() => producer.send({ topic: 5, value: '' }))).message, /"topic"/);
  assert.match((await errorOf(() => producer.send({ topic: 'a b', value: '' }))).message, /The topic "a b"/);
  assert.match(
    (await errorOf(() => producer.send({ topic: 'topic', value: Buffer.alloc(2e6) }))).message,
    /too|larger/,
  );
  fill(producer);
  assert.ok((await errorOf(() => producer.send({ topic: 'topic', value: 'v' }))) instanceof BufferOverflowError);
  await producer.close();
  assert.ok((await errorOf(() => producer.send({ topic: 'topic', value: 'v' }))) instanceof ShutDownError);
});

test('overflow_wait: send() waits for room in the order of the calls', async (t) => {
  const producer = producerOf(t, { ...MOCK, ...SMALL, overflow_wait: 600 });
  const buffer = Buffer.alloc(3);
  const sends = Array.from({ length: 200 }, (_, i) => {
    buffer.write(String(i).padStart(3)); // The message is copied at the call, also where it waits.
    return producer.send({ topic: 'topic', value: buffer, partition: 0, tag: i });
  });
  const done = await Promise.all(sends);
  assert.deepEqual(
    done.map(({ offset, tag }) => [offset, tag]),
    Array.from({ length: 200 }, (_, i) => [i, i]),
  );
});

test('overflow_wait: produce() does not wait', async (t) => {
  const producer = producerOf(t, { ...DEAD, ...SMALL, overflow_wait: 600 });
  assert.equal(fill(producer), 15);
});

test('overflow_wait: a send() that waited for so long is refused, in the order of the calls', async (t) => {
  const producer = producerOf(t, { ...DEAD, ...SMALL, overflow_wait: 0.05 });
  fill(producer);
  const order = [];
  const refused = async (name) => {
    const error = await errorOf(() => producer.send({ topic: 'topic', value: 'v' }));
    assert.ok(error instanceof BufferOverflowError);
    order.push(name);
  };
  const first = [refused(1), refused(2)];
  await new Promise((resolve) => setTimeout(resolve, 20));
  await Promise.all([...first, refused(3)]);
  assert.deepEqual(order, [1, 2, 3]);
});

test('overflow_wait: the shutdown refuses those that wait', async (t) => {
  const producer = producerOf(t, { ...DEAD, ...SMALL, overflow_wait: 600 });
  fill(producer);
  const waiting = errorOf(() => producer.send({ topic: 'topic', value: 'v' }));
  await producer.close();
  assert.ok((await waiting) instanceof ShutDownError);
});

test('losses that are told last give their places back', async (t) => {
  const producer = producerOf(t, { ...DEAD, ...SMALL, overflow_wait: 600 });
  fill(producer);
  const waiting = Array.from({ length: 5 }, () => errorOf(() => producer.send({ topic: 'topic', value: 'late' })));
  const dropped = eventOf(producer, 'dropped', ({ message }) => message.value.equals(Buffer.from('late')));
  producer.clear();
  while (producer.stats().accepted < 20) await new Promise(setImmediate); // Until those that waited are accepted.
  producer.clear();
  await dropped;
  for (const error of await Promise.all(waiting)) assert.equal(error.event.type, 'dropped');
});
