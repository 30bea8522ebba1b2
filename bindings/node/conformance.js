'use strict';

/* The conformance scenario through this binding; its steps are in the repository's tests/conformance/README.md. */

const { once } = require('node:events');
const { Producer, libraryVersion } = require('async-producer');

const { BROKERS, TOPIC } = process.env;
const WAIT = 60_000;
const BULK = 100_000;

const say = (line) => console.log(line);
const topic = (name) => `${TOPIC}-${name}`;

/** Runs something; answers the name of its status and the text of its error. */
async function outcome(body) {
  try {
    await body();
    return { status: 'AP_OK', text: '' };
  } catch (error) {
    if (!error.code?.startsWith('AP_ERR_')) throw error;
    return { status: error.code, text: error.message };
  }
}

const statusOf = async (body) => (await outcome(body)).status;

/** A producer that keeps what it was told, and the process alive while that is waited for. */
function reporting(config) {
  const producer = new Producer(config).ref();
  producer.reports = { delivered: [], failed: [], dropped: [] };
  for (const [name, list] of Object.entries(producer.reports)) producer.on(name, (event) => list.push(event));
  return producer;
}

async function waitFor(producer, name, count) {
  const signal = AbortSignal.timeout(WAIT);
  while (producer.reports[name].length < count) await once(producer, name, { signal });
  return producer.reports[name].length;
}

const producerA = () => reporting({ 'bootstrap.servers': '127.0.0.1:1', max_queue_size: 10, max_buffer_size: 5 });
const producerB = (properties) => reporting({ 'bootstrap.servers': BROKERS, ...properties });

function stepVersion() {
  say(`version ${/^\d+\.\d+/.exec(libraryVersion())[0]}`);
}

async function stepConfig(step, config, key) {
  const { status, text } = await outcome(() => new Producer(config));
  say(`${step} ${status} ${text.includes(key) ? 'yes' : 'no'}`);
}

async function stepsOfA() {
  const producer = producerA();
  const produce = (message) => () => producer.produce({ topic: 'nowhere', ...message });
  say(`topic ${await statusOf(produce({ topic: 'bad topic', value: 'x' }))}`);
  say(`large ${await statusOf(produce({ value: Buffer.alloc(2_000_000) }))}`);

  let accepted = 0;
  let status;
  while ((status = await statusOf(produce({ value: `value-${accepted}` }))) === 'AP_OK') accepted++;
  say(`overflow accepted=${accepted} ${status}`);

  status = await statusOf(() => producer.shutdown({ timeout: 0 }));
  const { dropped, failed } = producer.reports;
  const numbers = dropped.map(({ message }) => Number(/^value-(\d+)$/.exec(message.value)[1])).sort((a, b) => a - b);
  const values = `value-${numbers[0]}..value-${numbers.at(-1)}`;
  say(`drop ${status} dropped=${dropped.length} failed=${failed.length} values=${values}`);
  say(`closed ${await statusOf(produce({ value: 'x' }))}`);
}

async function stepClear() {
  const producer = producerA();
  for (let i = 0; i < 3; i++) producer.produce({ topic: 'nowhere', value: 'x' });
  const cleared = producer.clear();
  const dropped = await waitFor(producer, 'dropped', 3);
  const flush = await statusOf(() => producer.flush({ timeout: 0 }));
  say(`clear cleared=${cleared} dropped=${dropped} flush=${flush}`);
  await producer.close();
}

async function stepPolicy(step, properties, counts, deliver = () => {}) {
  const producer = producerB(properties);
  const [first, rest] = counts;
  const produce = () => producer.produce({ topic: topic('policy'), value: step });
  for (let i = 0; i < first; i++) produce();
  const before = producer.stats().delivered;
  for (let i = 0; i < rest; i++) produce();
  deliver(producer);
  const delivered = await waitFor(producer, 'delivered', first + rest);
  say(step === 'interval' ? `interval delivered=${delivered}` : `${step} before=${before} delivered=${delivered}`);
  await producer.shutdown();
}

async function stepRecords() {
  const producer = producerB();
  const headers = [
    ['h1', 'v1'],
    ['h2', null],
    ['h3', ''],
    ['h1', 'again'],
  ];
  const messages = [
    { value: 'a', timestamp: 1700000000001 },
    { key: 'k', value: null, timestamp: 1700000000002 },
    { key: '', value: '', partition: 0, timestamp: 1700000000003 },
    { key: 'k', partitionKey: 'other', value: 'd', headers, timestamp: 1700000000123 },
  ];
  messages.forEach((message, tag) => producer.produce({ topic: topic('records'), ...message, tag }));
  const flush = await statusOf(() => producer.flush());
  const reports = inOrder(producer).map(({ partition, offset }) => `${partition}:${offset}`);
  say(`records flush=${flush} reports=${reports} shutdown=${await statusOf(() => producer.shutdown())}`);
}

const inOrder = (producer) => producer.reports.delivered.sort((a, b) => a.tag - b.tag);

async function stepBatch() {
  const producer = producerB({ max_queue_size: 5000 });
  const message = (_, i) => ({ topic: topic('batch'), key: `k-${i}`, value: `batch-${i}` });
  const taken = producer.produceBatch(Array.from({ length: 1000 }, message));
  say(`batch taken=${taken} flush=${await statusOf(() => producer.flush())}`);
  await producer.shutdown();
}

async function stepKeys() {
  const producer = producerB();
  for (let i = 0; i < 100; i++) {
    producer.produce({ topic: topic('keys'), key: `key-${i}`, value: `key-${i}`, tag: i });
  }
  await producer.flush();
  say(
    `keys ${inOrder(producer)
      .map(({ partition }) => partition)
      .join('')}`,
  );
  await producer.shutdown();
}

async function stepBulk() {
  const config = { max_queue_size: 1000, delivery_threshold: 100, delivery_interval: 0.1 };
  const producer = producerB(config);
  let refused = 'no';
  for (let i = 0; i < BULK;) {
    const value = `message-${String(i).padStart(6, '0')}`;
    const status = await statusOf(() => producer.produce({ topic: topic('bulk'), value }));
    if (status === 'AP_OK') i++;
    else if (status === 'AP_ERR_BUFFER_OVERFLOW') {
      refused = 'yes';
      await producer.room();
    } else throw new Error(status);
  }
  const shutdown = await statusOf(() => producer.shutdown());
  const { delivered, failed, dropped } = producer.reports;
  const lost = failed.length + dropped.length;
  const { accepted } = producer.stats();
  say(`bulk delivered=${delivered.length} failed=${lost} refused=${refused} shutdown=${shutdown} accepted=${accepted}`);
}

async function main() {
  stepVersion();
  await stepConfig('unknown', { 'no.such.property': 1 }, 'no.such.property');
  await stepConfig('range', { 'bootstrap.servers': BROKERS, max_queue_size: 0 }, 'max_queue_size');
  await stepConfig('missing', {}, 'bootstrap.servers');
  await stepsOfA();
  await stepClear();
  await stepPolicy('threshold', { delivery_threshold: 5 }, [4, 1]);
  await stepPolicy('interval', { delivery_interval: 0.1 }, [3, 0]);
  await stepPolicy('manual', {}, [3, 0], (producer) => producer.deliver());
  await stepRecords();
  await stepBatch();
  await stepKeys();
  say('fork none');
  await stepBulk();
}

main();
