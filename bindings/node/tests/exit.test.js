'use strict';

const assert = require('node:assert/strict');
const { fork } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const { test } = require('node:test');
const { run } = require('./support');

/** A program with a producer; `config` is the text of an object. */
const program = (config, body) => `
  const { Producer } = require('async-producer');
  const producer = new Producer(${config});
  producer.on('delivered', () => {});
  ${body}`;

const MOCK = "{ 'test.mock.num.brokers': 1, delivery_interval: 0.01, max_queue_size: 100000 }";
const DEAD = "{ 'bootstrap.servers': '127.0.0.1:1', delivery_threshold: 1 }";
const PRODUCE = "for (let i = 0; i < 1000; i++) producer.produce({ topic: 'topic', value: 'v' });";

async function runs(times, source, check) {
  for (let i = 0; i < times; i++) {
    const result = await run(source);
    assert.deepEqual([result.code, result.signal], [0, null], `run ${i}: ${result.stderr}`);
    check?.(result);
  }
}

test('S10 process.exit() with events flowing and no shutdown, 20 times', async () => {
  const flow = `${PRODUCE}
    let count = 0;
    producer.on('delivered', () => { if (++count === 100) process.exit(0); });
    setInterval(() => {}, 1000);`;
  await runs(20, program(MOCK, flow));
});

test('S10 natural exit with events flowing and no shutdown, 20 times', async () => {
  const flow = `${PRODUCE}
    let count = 0;
    producer.ref().on('delivered', () => { if (++count === 100) producer.unref(); });`;
  await runs(20, program(MOCK, flow));
});

test('r69 natural exit with outstanding messages and no broker: at once, with a warning', async () => {
  await runs(5, program(DEAD, PRODUCE), ({ stderr }) => {
    assert.match(stderr, /AsyncProducerWarning: .*undelivered messages \(1000\); await producer\.shutdown\(\)/);
  });
});

test('natural exit without outstanding messages: no warning', async () => {
  const quiet = ({ stderr }) => assert.equal(stderr, '');
  await runs(1, program(DEAD, ''), quiet);
  await runs(1, program(MOCK, `${PRODUCE} producer.shutdown();`), quiet);
  await runs(1, program(DEAD, `${PRODUCE} producer.close();`), quiet);
});

test('the process stays while a promise is waited for, and not longer', async () => {
  const body = `
    producer.send({ topic: 'topic', value: 'v' }).then(({ offset }) => console.log('sent', offset));
    producer.flush().then(() => console.log('flushed'));`;
  await runs(1, program(MOCK, body), ({ stdout }) => {
    assert.deepEqual(stdout.trim().split('\n').sort(), ['flushed', 'sent 0']);
  });
});

test('the process stays while ref() says so', async () => {
  const body = `
    producer.ref();
    producer.produce({ topic: 'topic', value: 'v' });
    producer.once('delivered', () => { console.log('delivered'); producer.unref(); });`;
  await runs(1, program(MOCK, body), ({ stdout }) => assert.equal(stdout, 'delivered\n'));
});

test('process.exit() while a shutdown waits', async () => {
  const body = `${PRODUCE} producer.shutdown(); setTimeout(() => process.exit(0), 10);`;
  await runs(5, program(DEAD, body));
});

test('process.exit() while the library ends', async () => {
  const body = `${PRODUCE} producer.close(); setImmediate(() => setImmediate(() => process.exit(0)));`;
  await runs(5, program(MOCK, body));
});

test('an exception ends the process as always', async () => {
  const { code, stderr } = await run(program(DEAD, `${PRODUCE} throw new Error('of the program');`));
  assert.equal(code, 1);
  assert.match(stderr, /Error: of the program/);
});

test('SIGINT ends the process as always', async () => {
  const body = `${PRODUCE} producer.shutdown(); console.log('ready');`;
  const { signal } = await run(program(DEAD, body), { onOutput: (child) => child.kill('SIGINT') });
  assert.equal(signal, 'SIGINT');
});

test('child_process.fork(): a producer on each side', async () => {
  const { Producer } = require('async-producer');
  const producer = new Producer({ 'test.mock.num.brokers': 1 });
  producer.produce({ topic: 'topic', value: 'parent' });
  const child = fork(path.join(__dirname, 'support', 'child.js'));
  const [said] = await once(child, 'message');
  const [code] = await once(child, 'exit');
  assert.deepEqual([said, code], [{ delivered: 10 }, 0]);
  await producer.shutdown();
  assert.equal(producer.stats().delivered, 1);
});
