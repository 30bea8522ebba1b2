'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { run } = require('./support');

const STORM = ['--expose-gc', '--stress-compaction', '--gc-interval=200'];

/** What a program prints as JSON. */
async function said(source, flags = STORM) {
  const { code, signal, stdout, stderr } = await run(source, { flags });
  assert.deepEqual([code, signal, stderr], [0, null, '']);
  return JSON.parse(stdout);
}

test('r69 everything moves in memory while messages are produced and told', async () => {
  const source = `
    const { Producer } = require('async-producer');
    const text = (number) => \`value \${number} \`.repeat(20);
    async function main() {
      const producer = new Producer({ 'test.mock.num.brokers': 1, delivery_interval: 0.01 });
      let told = 0;
      producer.on('delivered', () => told++);
      const sent = [];
      for (let number = 0; number < 200; number++) {
        const headers = { h: Buffer.from(text(number)) };
        sent.push(producer.send({ topic: 't', key: String(number), value: Buffer.from(text(number)), headers }));
        producer.produce({ topic: 't', value: text(number) });
        if (number % 20 === 0) gc();
        if (number % 50 === 0) await producer.flush();
      }
      const places = (await Promise.all(sent)).map(({ partition, offset }) => \`\${partition} \${offset}\`);
      await producer.shutdown();

      const dead = new Producer({ 'bootstrap.servers': '127.0.0.1:1' });
      const back = [];
      dead.on('dropped', ({ message }) => back.push(message));
      for (let number = 0; number < 100; number++) dead.produce({ topic: 't', key: String(number), value: text(number) });
      await dead.close();
      const isWhole = ({ key, value }, number) => String(key) === String(number) && String(value) === text(number);
      console.log(JSON.stringify([told, new Set(places).size, back.length, back.every(isWhole)]));
    }
    main();`;
  assert.deepEqual(await said(source), [400, 200, 100, true]);
});

test('r69 a producer that nobody has goes on until the end', async () => {
  const source = `
    const { Producer } = require('async-producer');
    let told = 0;
    function forget() {
      const producer = new Producer({ 'test.mock.num.brokers': 1, delivery_interval: 0.05 });
      producer.ref().on('delivered', () => { producer.unref(); told++; });
      producer.produce({ topic: 't', value: 'v' });
    }
    for (let number = 0; number < 5; number++) forget();
    const storm = setInterval(gc, 1);
    storm.unref();
    process.on('exit', () => console.log(JSON.stringify(told)));`;
  assert.equal(await said(source, ['--expose-gc']), 5);
});

test('r69 promises that nobody keeps are settled all the same', async () => {
  const source = `
    const { Producer } = require('async-producer');
    async function main() {
      const producer = new Producer({ 'test.mock.num.brokers': 1, delivery_interval: 0.01 });
      let count = 0;
      for (let number = 0; number < 500; number++) producer.send({ topic: 't', value: 'v' }).then(() => count++);
      gc();
      await producer.shutdown();
      console.log(JSON.stringify(count));
    }
    main();`;
  assert.equal(await said(source), 500);
});
