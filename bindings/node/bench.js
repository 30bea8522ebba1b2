'use strict';

/* The cost of handing messages over, in ns per message, best of five. Nobody listens: only the call is measured. */

const { Producer } = require('async-producer');

const ROUNDS = 5;
const COUNT = 100_000; // a round
const BATCH = 100;

// Room for everything: ROUNDS and a warm-up.
const config = { 'bootstrap.servers': '127.0.0.1:1', max_queue_size: COUNT * (ROUNDS + 1), max_pending_bytes: 0 };
const text = 'x'.repeat(100);
const bytes = Buffer.from(text);

const cases = {
  'produce, Buffer of 100': { size: 1, call: (producer) => producer.produce({ topic: 'bench', value: bytes }) },
  'produce, string of 100': { size: 1, call: (producer) => producer.produce({ topic: 'bench', value: text }) },
  'produce, key and two headers': {
    size: 1,
    call: (producer) =>
      producer.produce({ topic: 'bench', key: 'key', value: bytes, headers: { trace: 'abc', source: 'bench' } }),
  },
  [`produceBatch of ${BATCH}, Buffers of 100`]: batchOf(bytes),
  [`produceBatch of ${BATCH}, strings of 100`]: batchOf(text),
};

function batchOf(value) {
  const messages = Array.from({ length: BATCH }, () => ({ topic: 'bench', value }));
  return { size: BATCH, call: (producer) => producer.produceBatch(messages) };
}

function round({ size, call }, producer) {
  const start = process.hrtime.bigint();
  for (let count = 0; count < COUNT; count += size) call(producer);
  return Number(process.hrtime.bigint() - start) / COUNT;
}

async function main() {
  for (const [name, one] of Object.entries(cases)) {
    const producer = new Producer(config);
    round(one, producer); // warm-up
    const times = Array.from({ length: ROUNDS }, () => round(one, producer));
    if (producer.stats().accepted !== COUNT * (ROUNDS + 1)) throw new Error('not every message was accepted');
    await producer.close();
    console.log(
      `${name.padEnd(38)} ${Math.min(...times)
        .toFixed(0)
        .padStart(6)} ns`,
    );
  }
}

main();
