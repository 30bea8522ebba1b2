'use strict';

/*
 * Sends messages as fast as Kafka takes them: node example/produce.js [count], 100,000 where it is left out.
 *
 * BROKERS=host:port,... names a Kafka, TOPIC a topic of it; without BROKERS the messages go to a cluster inside the
 * process. Ctrl-C ends the sending and delivers what was accepted; a second Ctrl-C drops what is left.
 */

const { Producer } = require('async-producer');

const { BROKERS, TOPIC = 'example' } = process.env;
const COUNT = Number(process.argv[2] ?? 100_000);
const BATCH = 500;
const INTERRUPTED = 130; // what a shell answers for a program that Ctrl-C has ended

const cluster = BROKERS ? { brokers: BROKERS } : { 'test.mock.num.brokers': 1 };
const producer = new Producer({ ...cluster, maxQueueSize: 10_000, maxBufferSize: 10_000, deliveryThreshold: 1000 });
const lost = [];
let interrupts = 0;

function interrupt() {
  interrupts++;
  if (interrupts === 1) console.error('delivering what was accepted (once more to drop what is left)');
  else producer.close();
}

/** What could not be delivered is kept, so that a program could write it elsewhere. */
function keep(event) {
  if (lost.length === 0) console.error(`not delivered: ${event.text}`);
  lost.push(event.message);
}

function messages(first, count) {
  return Array.from({ length: count }, (_, i) => ({ topic: TOPIC, value: `message ${first + i}` }));
}

async function send() {
  let sent = 0;
  while (sent < COUNT && interrupts === 0) {
    const batch = messages(sent, Math.min(BATCH, COUNT - sent));
    const taken = producer.produceBatch(batch);
    sent += taken;
    if (taken < batch.length) await producer.room();
    else await new Promise(setImmediate); // The rest of the program has its turn, Ctrl-C included.
  }
}

async function main() {
  const start = performance.now();
  process.on('SIGINT', interrupt);
  producer.on('failed', keep).on('dropped', keep);
  producer.on('clientError', ({ text }) => console.error(text));
  console.error(`sending ${COUNT} messages to ${BROKERS ?? 'a cluster in the process'}, topic ${TOPIC}`);
  try {
    await send();
    await producer.shutdown();
  } catch (error) {
    // The second Ctrl-C: `keep` has what is left.
    if (!['AP_ERR_UNDELIVERED', 'AP_ERR_SHUT_DOWN'].includes(error.code)) throw error;
    await producer.shutdown().catch(() => {});
  }
  const seconds = (performance.now() - start) / 1000;
  const { accepted, delivered } = producer.stats();
  console.log(`${accepted} accepted, ${delivered} delivered, ${lost.length} lost in ${seconds.toFixed(2)} s`);
  if (interrupts > 0) process.exitCode = INTERRUPTED;
  else if (lost.length > 0) process.exitCode = 1;
}

main();
