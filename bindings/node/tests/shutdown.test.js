'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { test } = require('node:test');
const ts = require('typescript');
const { Producer, ShutDownError, UndeliveredError } = require('async-producer');
const { DEAD, MOCK, GUARD, errorOf, eventOf, eventsOf, producerOf, run } = require('./support');

const produce = (producer, message) => producer.produce({ topic: 'topic', value: 'v', ...message });

test('shutdown() delivers what there is', async () => {
  const producer = new Producer({ ...MOCK, max_queue_size: 5000 });
  const events = eventsOf(producer, 'delivered');
  for (let i = 0; i < 3000; i++) produce(producer);
  await producer.shutdown();
  assert.equal(events.length, 3000);
  assert.equal(producer.outstanding, 0);
});

test('shutdown() of an unused producer', async () => {
  await new Producer(DEAD).shutdown();
});

test('after shutdown() messages are refused, and the last counters stay', async () => {
  const producer = new Producer(MOCK);
  produce(producer);
  await producer.shutdown();
  for (const call of ['deliver', 'clear', 'room', 'flush']) {
    assert.ok((await errorOf(() => producer[call]())) instanceof ShutDownError, call);
  }
  for (const call of ['produce', 'send']) {
    const error = await errorOf(() => producer[call]({ topic: 'topic', value: 'v' }));
    assert.deepEqual([error.code, error.status, error.name], ['AP_ERR_SHUT_DOWN', -4, 'ShutDownError']);
  }
  assert.equal(producer.stats().delivered, 1);
  producer.ref().unref();
});

test('S8 while it shuts down messages are refused, and nothing is lost unseen', async (t) => {
  for (let i = 0; i < 20; i++) {
    const producer = producerOf(t, { ...MOCK, max_queue_size: 5000 });
    const events = eventsOf(producer, 'delivered', 'failed', 'dropped');
    let accepted = 0;
    const busy = setInterval(() => {
      try {
        produce(producer);
        accepted++;
      } catch (error) {
        assert.ok(error instanceof ShutDownError);
        clearInterval(busy);
      }
    }, 0);
    for (; accepted < 100; accepted++) produce(producer);
    await new Promise(setImmediate);
    await producer
      .shutdown({ timeout: i % 2 ? 0 : GUARD })
      .catch((error) => assert.equal(error.code, 'AP_ERR_UNDELIVERED'));
    assert.equal(events.length, accepted);
    assert.equal(producer.stats().accepted, accepted);
    clearInterval(busy);
  }
});

test('at the deadline what is left is dropped and handed back', async (t) => {
  const producer = producerOf(t, DEAD);
  const events = eventsOf(producer, 'dropped');
  for (let tag = 0; tag < 5; tag++) produce(producer, { tag, value: `v${tag}` });
  const sent = errorOf(() => producer.send({ topic: 'topic', value: 'sent', tag: 5 }));
  const error = await errorOf(() => producer.shutdown({ timeout: 50 }));
  assert.ok(error instanceof UndeliveredError);
  assert.match(error.message, /not delivered: 6/);
  assert.deepEqual(events.map(({ tag, message }) => `${tag} ${message.value}`).sort(), [
    '0 v0',
    '1 v1',
    '2 v2',
    '3 v3',
    '4 v4',
    '5 sent',
  ]);
  assert.equal((await sent).event.persistence, 'no');
});

test('a message on its way at the deadline is of unknown fate', async (t) => {
  const producer = producerOf(t, { ...MOCK, 'test.mock.broker.rtt': 700, 'statistics.interval.ms': 50 });
  const sent = errorOf(() => producer.send({ topic: 'topic', value: 'v', partition: 0 }));
  const isOnTheWire = ({ statistics }) => statistics.topics.topic?.partitions[0]?.msgs_inflight === 1;
  await eventOf(producer, 'stats', isOnTheWire);
  const error = await errorOf(() => producer.shutdown({ timeout: 0 }));
  assert.ok(error instanceof UndeliveredError);
  const { event } = await sent;
  assert.deepEqual([event.type, event.persistence], ['failed', 'possibly']);
  assert.equal(producer.stats().unknown, 1);
});

test('a second shutdown() waits for the first; an earlier deadline shortens it, a later one does not', async (t) => {
  const producer = producerOf(t, DEAD);
  produce(producer);
  const order = [];
  const calls = [undefined, 600_000].map((timeout) =>
    errorOf(() => producer.shutdown({ timeout })).then((error) => order.push(error)),
  );
  await new Promise(setImmediate);
  assert.equal(order.length, 0);
  calls.push(errorOf(() => producer.shutdown({ timeout: 10 })).then((error) => order.push(error)));
  calls.push(errorOf(() => producer.shutdown({ timeout: 600_000 })).then((error) => order.push(error)));
  await Promise.all(calls);
  assert.equal(new Set(order).size, 1, 'all answer the same');
  await producer.close();
});

test('losses before the shutdown are not its own', async (t) => {
  const producer = producerOf(t, DEAD);
  produce(producer);
  producer.clear();
  await producer.flush().catch(() => {});
  await producer.shutdown();
});

test('close() drops at once, more than once, and is no error', async () => {
  const producer = new Producer(DEAD);
  const events = eventsOf(producer, 'dropped');
  produce(producer);
  await Promise.all([producer.close(), producer.close()]);
  await producer.close();
  assert.equal(events.length, 1);
});

test('close() ends a shutdown() without limit', async () => {
  const producer = new Producer(DEAD);
  produce(producer);
  const ended = errorOf(() => producer.shutdown());
  await producer.close();
  assert.ok((await ended) instanceof UndeliveredError);
});

test('shutdownTimeout is the timeout where none is given', async () => {
  const producer = new Producer(DEAD, { shutdownTimeout: 20 });
  produce(producer);
  assert.ok((await errorOf(() => producer.shutdown())) instanceof UndeliveredError);
});

test('await using shuts down at the end of the scope', async () => {
  const source = `
    const { Producer } = require('async-producer');
    async function main(): Promise<void> {
      await using producer = new Producer({ 'test.mock.num.brokers': 1 });
      producer.on('delivered', () => console.log('delivered'));
      producer.produce({ topic: 'topic', value: 'v' });
      console.log('end of the scope');
    }
    void main();`;
  const { outputText } = ts.transpileModule(source, { compilerOptions: { target: ts.ScriptTarget.ES2022 } });
  assert.match(outputText, /asyncDispose/);
  const { code, stdout, stderr } = await run(outputText);
  assert.deepEqual([code, stdout], [0, 'end of the scope\ndelivered\n'], stderr);
});

test('twenty producers wait, and the pool of libuv is free', async (t) => {
  const producers = Array.from({ length: 20 }, () => producerOf(t, DEAD));
  let waiting = producers.length * 2;
  const done = () => waiting--;
  const ends = producers.flatMap((producer) => {
    produce(producer);
    return [producer.flush().catch(done), producer.shutdown().catch(done)];
  });
  // With threads of the pool taken, this would be answered after the producers, which wait without limit.
  for (let i = 0; i < 10; i++) await fs.promises.stat(__filename);
  assert.equal(waiting, 40);
  await Promise.all(producers.map((producer) => producer.close()));
  await Promise.all(ends);
  assert.equal(waiting, 0);
});

test('no handle stays open after a shutdown', async () => {
  const source = `
    const hooks = require('node:async_hooks');
    const open = new Map();
    process.stdout, process.stderr; // Handles of their own, which net.Socket touches.
    hooks.createHook({
      init(id, type) { if (!['PROMISE', 'TickObject', 'Immediate', 'Timeout'].includes(type)) open.set(id, type); },
      destroy(id) { open.delete(id); },
    }).enable();
    const { Producer } = require('async-producer');
    (async () => {
      const producer = new Producer({ 'test.mock.num.brokers': 1 });
      await producer.send({ topic: 'topic', value: 'v' });
      const during = [...open.values()];
      await producer.shutdown();
      while (open.size > 0) await new Promise(setImmediate); // Node.js tells it a few turns later.
      console.log(JSON.stringify(during));
    })();`;
  const { code, stdout, stderr } = await run(source);
  assert.equal(code, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), ['PIPEWRAP']);
});
