'use strict';

/* A worker thread with a producer; what it does says workerData. */

const { parentPort, workerData } = require('node:worker_threads');
const { Producer } = require('async-producer');

const { config, count, end } = workerData;
const producer = new Producer(config);
let delivered = 0;
producer.on('delivered', () => {
  if (++delivered === 1) parentPort.postMessage('flowing');
  if (delivered === 100 && end === 'exit') process.exit(0);
  while (end === 'stuck');
});

async function main() {
  for (let left = count; left > 0; left -= producer.produceBatch(Array(left).fill({ topic: 'topic', value: 'v' }))) {
    await producer.room();
  }
  if (end === 'shutdown') await producer.shutdown();
  if (end === 'shutdown') parentPort.postMessage({ delivered });
  if (['wait', 'exit', 'stuck'].includes(end)) producer.ref();
  if (end === 'ending') producer.shutdown().catch(() => {});
  parentPort.postMessage('ready');
}

main();
