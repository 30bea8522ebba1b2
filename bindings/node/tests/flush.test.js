'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { ShutDownError, TimedOutError, UndeliveredError } = require('async-producer');
const { DEAD, GUARD, MOCK, errorOf, eventOf, eventsOf, producerOf } = require('./support');

const produce = (producer, message) => producer.produce({ topic: 'topic', value: 'v', ...message });

test('flush() waits until all is settled, and every event was told', async (t) => {
  const producer = producerOf(t, { ...MOCK, max_queue_size: 5000 });
  const events = eventsOf(producer, 'delivered');
  for (let i = 0; i < 3000; i++) produce(producer);
  await producer.flush();
  assert.equal(events.length, 3000);
});

test('flush() of nothing is done at once, also with a timeout of 0', async (t) => {
  const producer = producerOf(t, DEAD);
  await producer.flush();
  await producer.flush({ timeout: 0 });
});

test('flush() gives up at its timeout, and delivery goes on', async (t) => {
  const producer = producerOf(t, DEAD);
  produce(producer);
  for (const timeout of [0, 1, 50]) {
    const error = await errorOf(() => producer.flush({ timeout }));
    assert.ok(error instanceof TimedOutError);
    assert.match(error.message, new RegExp(`${timeout} ms`));
  }
  assert.equal(producer.outstanding, 1);
});

test('flush() tells that some of it was lost', async (t) => {
  const producer = producerOf(t, DEAD);
  produce(producer);
  produce(producer);
  const flushed = errorOf(() => producer.flush());
  assert.equal(producer.clear(), 2);
  const error = await flushed;
  assert.ok(error instanceof UndeliveredError);
  assert.match(error.message, /not delivered: 2/);
  await producer.flush(); // What was lost before the call does not count.
});

test('flush() does not wait for what is accepted after the call', async (t) => {
  const producer = producerOf(t, {
    ...MOCK,
    'test.mock.broker.rtt': 50,
    delivery_threshold: 1,
    max_queue_size: 100_000,
  });
  let isDone = false;
  let accepted = 0;
  produce(producer);
  const flushed = producer.flush().then(() => (isDone = true));
  while (!isDone) {
    accepted += producer.produceBatch([{ topic: 'topic', value: 'v' }]); // None where there is no room.
    assert.ok(producer.outstanding > 0);
    await new Promise(setImmediate);
  }
  await flushed;
  assert.ok(accepted > 0 && producer.outstanding > 0, `${accepted} later ones, ${producer.outstanding} outstanding`);
});

test('flush() waits for the slowest of what came before the call, whatever is settled in between', async (t) => {
  const producer = producerOf(t, { ...MOCK, max_queue_size: 5000 });
  const events = eventsOf(producer, 'delivered');
  const flushes = [];
  for (let i = 0; i < 2000; i++) {
    produce(producer, { partition: i % 4, tag: i });
    flushes.push(producer.flush().then(() => assert.ok(new Set(events.map(({ tag }) => tag)).size > i)));
  }
  await Promise.all(flushes);
});

test('flush() waits for what was sent before it, and not for a later message that nobody delivers', async (t) => {
  const producer = producerOf(t, MOCK);
  for (let round = 0; round < 20; round++) {
    let answered = 0;
    const send = () => producer.send({ topic: 'topic', value: 'v' }).then(() => answered++);
    const sends = [send(), send(), send()];
    const flushed = producer.flush({ timeout: GUARD });
    await new Promise(setImmediate);
    await new Promise(setImmediate); // The delivery is on its way now.
    produce(producer);
    await flushed;
    await Promise.all(sends);
    assert.equal(answered, 3);
  }
  await producer.flush();
  assert.equal(producer.outstanding, 0);
});

test('flush() in a handler', async (t) => {
  const producer = producerOf(t, MOCK);
  const inside = new Promise((resolve) => producer.once('delivered', () => resolve(producer.flush())));
  produce(producer);
  produce(producer, { topic: 'other' });
  producer.deliver();
  producer.ref();
  await inside;
  assert.equal(producer.outstanding, 0);
});

test('flush() during and after the shutdown', async (t) => {
  const producer = producerOf(t, DEAD);
  produce(producer);
  const ended = errorOf(() => producer.shutdown({ timeout: 200 }));
  const flushed = errorOf(() => producer.flush());
  assert.ok((await flushed) instanceof UndeliveredError);
  await ended;
  assert.ok((await errorOf(() => producer.flush())) instanceof ShutDownError);
});

test('a timeout is checked', async (t) => {
  const producer = producerOf(t, DEAD);
  for (const timeout of [-1, NaN, '1', null]) {
    assert.match((await errorOf(() => producer.flush({ timeout }))).message, /"timeout"/);
    assert.match((await errorOf(() => producer.shutdown({ timeout }))).message, /"timeout"/);
  }
  produce(producer); // The refused calls have not begun a shutdown.
});

test('deliver() starts the delivery and returns', async (t) => {
  const producer = producerOf(t, MOCK);
  const delivered = eventOf(producer, 'delivered');
  produce(producer, { tag: 7 });
  producer.deliver();
  assert.equal((await delivered).tag, 7);
});

test('clear() drops what waits, and hands it back', async (t) => {
  const producer = producerOf(t, DEAD);
  const events = eventsOf(producer, 'dropped');
  for (let tag = 0; tag < 3; tag++) produce(producer, { tag });
  const sent = errorOf(() => producer.send({ topic: 'topic', value: 'sent', tag: 3 }));
  assert.equal(producer.clear(), 4);
  const error = await sent;
  assert.equal(error.code, 'AP_ERR_UNDELIVERED');
  assert.equal(error.event.message.value.toString(), 'sent');
  assert.deepEqual(
    events.map(({ tag, message }) => [tag, message.tag]),
    [0, 1, 2, 3].map((tag) => [tag, tag]),
  );
});
