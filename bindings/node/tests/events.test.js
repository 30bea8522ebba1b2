'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const fs = require('node:fs');
const { test } = require('node:test');
const { Producer } = require('async-producer');
const { library } = require('../lib/library');
const { newProducer } = require('../lib/config');
const { DEAD, MOCK, errorOf, eventOf, eventsOf, producerOf, run } = require('./support');

const produce = (producer, message) => producer.produce({ topic: 'topic', value: 'v', ...message });

test('delivered, deliveryStarted, deliveryFinished', async (t) => {
  const producer = producerOf(t, MOCK);
  const events = eventsOf(producer, 'deliveryStarted', 'delivered', 'deliveryFinished');
  produce(producer, { partition: 2, tag: 5, timestamp: 1700000000001 });
  await producer.flush();
  const [started, delivered, finished] = events;
  assert.deepEqual([started.type, started.count], ['deliveryStarted', 1]);
  const { duration, ...rest } = delivered;
  assert.ok(duration > 0);
  assert.deepEqual(rest, {
    type: 'delivered',
    timestamp: 1700000000001,
    tag: 5,
    partition: 2,
    offset: 0,
    attempts: 1,
  });
  assert.deepEqual(
    [finished.type, finished.code, finished.count, finished.attempts],
    ['deliveryFinished', 'AP_OK', 1, 1],
  );
});

test('failed, with the message, the broker-side reason and what is known of its fate', async (t) => {
  const producer = producerOf(t, MOCK);
  const failed = eventOf(producer, 'failed');
  produce(producer, { partition: 4711, key: 'k', tag: 3 });
  producer.deliver();
  const event = await failed;
  assert.deepEqual([event.persistence, event.tag, event.kafkaError], ['no', 3, -190]);
  assert.match(event.text, /partition/i);
  assert.deepEqual([event.message.key.toString(), event.message.partition, event.message.topic], ['k', 4711, 'topic']);
  const error = await errorOf(() => producer.send({ topic: 'topic', value: 'v', partition: 4711, tag: 9 }));
  assert.equal(error.name, 'DeliveryError');
  assert.deepEqual([error.event.type, error.event.tag, error.message], ['failed', 9, error.event.text]);
});

test('a long text and a large message are handed back whole', async (t) => {
  const producer = producerOf(t, DEAD);
  const value = Buffer.alloc(900_000, 'x');
  const dropped = eventOf(producer, 'dropped');
  produce(producer, { value, headers: { h: value.subarray(0, 50_000) } });
  producer.clear();
  const { message } = await dropped;
  assert.ok(message.value.equals(value));
  assert.equal(message.headers[0][1].length, 50_000);
});

test('enqueued and bufferOverflow', async (t) => {
  const config = { ...DEAD, max_queue_size: 2, max_buffer_size: 1 };
  const producer = producerOf(t, config, { events: ['enqueued', 'bufferOverflow'] });
  const events = eventsOf(producer, 'enqueued', 'bufferOverflow');
  const overflow = eventOf(producer, 'bufferOverflow');
  assert.equal(producer.produceBatch([1, 2, 3, 4].map((tag) => ({ topic: 'topic', value: 'v', tag }))), 3);
  await overflow;
  assert.deepEqual(
    events.map(({ type, topic, tag, count }) => [type, topic, tag, count]),
    [
      ['enqueued', 'topic', 1, 1],
      ['enqueued', 'topic', 2, 1],
      ['enqueued', 'topic', 3, 1],
      ['bufferOverflow', 'topic', 4, 1],
    ],
  );
});

test('clientError and stalled, and nobody needs to listen', async (t) => {
  const producer = producerOf(t, { ...DEAD, stall_report_interval: 0.2 });
  const quiet = producerOf(t, DEAD); // 'error' would end the process here.
  const stalled = eventOf(producer, 'stalled');
  const clientError = eventOf(producer, 'clientError');
  for (const each of [producer, quiet]) {
    produce(each);
    each.deliver();
  }
  assert.match((await clientError).text, /127\.0\.0\.1:1/);
  assert.ok((await stalled).count >= 1);
});

test('retry', async (t) => {
  const producer = producerOf(t, { ...DEAD, 'message.timeout.ms': 100 });
  const retry = eventOf(producer, 'retry');
  produce(producer);
  producer.deliver();
  const { topic, partition, count, pause, attempts, text } = await retry;
  assert.deepEqual([topic, partition, count, attempts], ['topic', -1, 1, 1]);
  assert.ok(pause > 0 && text.length > 0, `${pause} ${text}`);
});

test('log', async (t) => {
  const producer = producerOf(t, { ...DEAD, debug: 'all' });
  const log = eventOf(producer, 'log');
  produce(producer);
  producer.deliver();
  const { level, text } = await log;
  assert.ok(level >= 0 && level <= 7 && text.length > 0);
});

test('stats', async (t) => {
  const producer = producerOf(t, { ...MOCK, 'statistics.interval.ms': 10 });
  const stats = eventOf(producer, 'stats');
  produce(producer);
  producer.deliver();
  assert.equal((await stats).statistics.client_id, 'rdkafka');
});

test('an event that is not told is not waited for in vain', (t) => {
  const producer = producerOf(t, DEAD, { events: ['failed'] });
  assert.throws(() => producer.on('log', () => {}), /"log" is not told.*"events"/);
  assert.throws(() => producerOf(t, DEAD).once('enqueued', () => {}), /"enqueued" is not told/);
  producer.on('failed', () => {});
  producer.on('something of the program', () => {});
});

test('settlements are read also where they are not told', async (t) => {
  const producer = producerOf(t, MOCK, { events: [] });
  await producer.send({ topic: 'topic', value: 'v' });
  produce(producer);
  await producer.flush();
});

test('a handler that throws: an uncaught exception, and the other events come all the same', async () => {
  const source = `
    const { Producer } = require('async-producer');
    const producer = new Producer({ 'test.mock.num.brokers': 1 });
    process.on('uncaughtException', (error) => console.log('caught', error.message));
    let count = 0;
    producer.on('delivered', ({ tag }) => { count++; if (tag % 2) throw new Error('of ' + tag); });
    for (let tag = 0; tag < 4; tag++) producer.produce({ topic: 'topic', value: 'v', tag });
    producer.shutdown().then(() => console.log(count));`;
  const { code, stdout } = await run(source);
  assert.equal(code, 0);
  assert.deepEqual(stdout.trim().split('\n').sort(), ['4', 'caught of 1', 'caught of 3']);
});

test('a handler may produce, and end the producer', async (t) => {
  const producer = producerOf(t, MOCK);
  let count = 0;
  let ended;
  producer.on('delivered', () => {
    if (++count < 5) produce(producer);
    else ended = producer.shutdown();
    if (count < 5) producer.deliver();
  });
  produce(producer);
  producer.deliver();
  while (!ended) await eventOf(producer, 'deliveryFinished');
  await ended;
  assert.equal(count, 5);
});

test('many events are read in turns: the rest of the program is served in between', async (t) => {
  const producer = producerOf(t, { ...DEAD, max_queue_size: 50_000 });
  let most = 0;
  let inTurn = 0;
  producer.on('dropped', () => (most = Math.max(most, ++inTurn)));
  const beat = () => {
    inTurn = 0;
    if (producer.outstanding > 0) setImmediate(beat);
  };
  producer.produceBatch(Array.from({ length: 50_000 }, () => ({ topic: 'topic', value: 'v' })));
  producer.clear();
  beat();
  await producer.flush().catch(() => {});
  assert.ok(most > 0 && most <= 2 * 1024, `${most} events in a turn`);
});

test('S11 the descriptor is readable while events wait, and a descriptor of its own', async () => {
  const { handle } = newProducer({ ...DEAD }, 4095);
  const lib = library();
  const [first, second] = [lib.ap_event_fd(handle), lib.ap_event_fd(handle)];
  assert.notEqual(first, second);
  const readable = (fd) => {
    try {
      return fs.readSync(fd, Buffer.alloc(8)) > 0;
    } catch (error) {
      assert.equal(error.code, 'EAGAIN');
      return false;
    }
  };
  assert.equal(readable(first), false);
  const record = Buffer.alloc(50); // One message to the topic "t".
  record.writeUInt32LE(50, 0);
  record.writeUInt32LE(1, 4);
  for (const offset of [8, 12, 16, 20]) record.writeInt32LE(-1, offset);
  record.write('t', 48);
  assert.equal(lib.ap_produce_packed(handle, record, record.length), 1);
  assert.equal(readable(first), true);
  const entries = Buffer.alloc(64 * 8);
  assert.equal(lib.ap_poll_events(handle, 0, entries, 64, 8), 1);
  assert.equal(readable(first), false);
  assert.equal(readable(second), false);
  fs.closeSync(first);
  lib.ap_free(handle);
  fs.closeSync(second);
});

test('S12 entries smaller and larger than the ones of the library', () => {
  const { handle } = newProducer({ ...DEAD }, 4095);
  const lib = library();
  const buffer = Buffer.alloc(8192, 0xff);
  for (const size of [0, 8, 63, 4097]) assert.equal(lib.ap_poll_events(handle, 0, buffer, size, 1), -1, `${size}`);
  assert.equal(lib.ap_poll_events(handle, 0, buffer, 64, 0), -1);
  for (const size of [64, 96, 4096]) assert.equal(lib.ap_poll_events(handle, 0, buffer, size, 1), 0, `${size}`);
  lib.ap_free(handle);
});

test('S9 a handle that is freed answers with a code', () => {
  const { handle } = newProducer({ ...DEAD }, 0);
  const lib = library();
  lib.ap_free(handle);
  lib.ap_free(handle);
  for (const stale of [handle, 0, 1, handle + 2]) {
    assert.equal(lib.ap_produce_packed(stale, Buffer.alloc(8), 0), -1);
    assert.equal(lib.ap_deliver(stale), -1);
    assert.equal(lib.ap_shutdown(stale, 0), -1);
    assert.equal(lib.ap_event_fd(stale), -1);
    assert.equal(lib.ap_poll_events(stale, 0, Buffer.alloc(64), 64, 1), -1);
  }
});

test('no descriptor is left behind, and none of another is closed', async () => {
  const open = () => fs.readdirSync('/proc/self/fd').length;
  const work = async () => {
    const producer = new Producer(MOCK);
    await producer.send({ topic: 'topic', value: 'v' });
    await producer.shutdown();
  };
  await work();
  const before = open();
  for (let i = 0; i < 10; i++) await work();
  assert.ok(open() <= before + 1, `${before} before, ${open()} now`);
});

test('once() of node:events', async (t) => {
  const producer = producerOf(t, MOCK).ref();
  produce(producer, { tag: 4 });
  producer.deliver();
  const [{ tag }] = await once(producer, 'delivered');
  assert.equal(tag, 4);
});
