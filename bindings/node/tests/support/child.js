'use strict';

/* The child of child_process.fork(), with a producer of its own. */

const { Producer } = require('async-producer');

async function main() {
  const producer = new Producer({ 'test.mock.num.brokers': 1 });
  for (let i = 0; i < 10; i++) producer.produce({ topic: 'topic', value: 'child' });
  await producer.shutdown();
  process.send({ delivered: producer.stats().delivered });
  process.disconnect();
}

main();
