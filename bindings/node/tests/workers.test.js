'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { Worker } = require('node:worker_threads');
const { DEAD, MOCK, producerOf, run } = require('./support');

const FLOW = { ...MOCK, delivery_interval: 0.01, max_queue_size: 50_000 };

function start(workerData, options) {
  return new Worker(path.join(__dirname, 'support', 'worker.js'), { workerData, ...options });
}

async function message(worker, wanted) {
  for (;;) {
    const [said] = await once(worker, 'message');
    if (typeof wanted === 'string' ? said === wanted : said !== null && typeof said === 'object') return said;
  }
}

/** The threads of the library in this process. */
function threads() {
  const names = fs.readdirSync('/proc/self/task').map((id) => {
    try {
      return fs.readFileSync(`/proc/self/task/${id}/comm`, 'utf8');
    } catch {
      return ''; // It has just ended.
    }
  });
  return names.filter((name) => name.startsWith('ap-worker')).length;
}

test('S7 four workers and the main thread, each with a producer', async (t) => {
  const workers = Array.from({ length: 4 }, () => start({ config: FLOW, count: 20_000, end: 'shutdown' }));
  const producer = producerOf(t, FLOW);
  for (let i = 0; i < 1000; i++) producer.produce({ topic: 'topic', value: 'v' });
  const said = await Promise.all(workers.map((worker) => message(worker)));
  assert.deepEqual(said, Array(4).fill({ delivered: 20_000 }));
  await producer.flush();
  assert.equal(producer.stats().delivered, 1000);
});

test('S7 a worker ends while another one goes on', async () => {
  const [first, second] = [1, 2].map(() => start({ config: FLOW, count: 20_000, end: 'shutdown' }));
  const said = message(second);
  await message(first, 'flowing');
  await first.terminate();
  assert.deepEqual(await said, { delivered: 20_000 });
});

test('r69 worker.terminate() while events flow, 10 times', async () => {
  for (let i = 0; i < 10; i++) {
    const worker = start({ config: FLOW, count: 5000, end: 'wait' });
    await message(worker, 'flowing');
    assert.equal(await worker.terminate(), 1);
  }
});

test('r69 worker.terminate() in the middle of a listener, 4 times', async () => {
  for (let i = 0; i < 4; i++) {
    const worker = start({ config: FLOW, count: 5000, end: 'stuck' });
    await message(worker, 'flowing');
    assert.equal(await worker.terminate(), 1);
  }
});

test('r69 worker.terminate() at any moment of many workers, and the main thread goes on', async (t) => {
  const producer = producerOf(t, FLOW);
  const sent = producer.send({ topic: 'topic', value: 'first' });
  const moments = [
    async () => {},
    (worker) => once(worker, 'online'),
    (worker) => message(worker, 'ready'),
    (worker) => message(worker, 'flowing'),
  ];
  for (let round = 0; round < 5; round++) {
    const ends = moments.map(async (moment) => {
      const worker = start({ config: FLOW, count: 2000, end: 'wait' });
      await moment(worker);
      return worker.terminate();
    });
    await Promise.all(ends); // 0 or 1, as it had begun or not.
  }
  assert.equal((await sent).offset, 0);
  await producer.send({ topic: 'topic', value: 'last' });
});

test('r69 worker.terminate() while a shutdown waits, 10 times', async () => {
  for (let i = 0; i < 10; i++) {
    const worker = start({ config: DEAD, count: 100, end: 'ending' });
    await message(worker, 'ready');
    assert.equal(await worker.terminate(), 1);
  }
});

test('r69 process.exit() in a worker while events flow, 10 times', async () => {
  for (let i = 0; i < 10; i++) {
    const worker = start({ config: FLOW, count: 5000, end: 'exit' });
    const [code] = await once(worker, 'exit');
    assert.equal(code, 0);
  }
});

test('r69 a worker that ends without a shutdown leaves no thread of the library behind', async () => {
  const before = threads();
  for (let i = 0; i < 3; i++) {
    const worker = start({ config: DEAD, count: 100, end: 'nothing' }, { stderr: true });
    let said = '';
    worker.stderr.on('data', (text) => (said += text));
    const [code] = await once(worker, 'exit');
    assert.equal(code, 0);
    assert.match(said, /AsyncProducerWarning: The worker ends with undelivered messages \(100\)/);
  }
  assert.ok(threads() <= before, `${before} before, ${threads()} now`);
});

test('r69 the process ends while workers are in the middle of it, 10 times', async () => {
  const source = `
    const { Worker } = require('node:worker_threads');
    const config = ${JSON.stringify(FLOW)};
    const file = ${JSON.stringify(path.join(__dirname, 'support', 'worker.js'))};
    for (let i = 0; i < 2; i++) {
      const worker = new Worker(file, { workerData: { config, count: 5000, end: 'wait' } });
      worker.on('message', (said) => said === 'flowing' && process.exit(0));
    }`;
  for (let i = 0; i < 10; i++) {
    const { code, signal, stderr } = await run(source);
    assert.deepEqual([code, signal], [0, null], stderr);
  }
});
