/* Compiled, never run: what a program may write, and what is refused. */

import { Producer, BufferOverflowError, DeliveryError, libraryVersion } from 'async-producer';
import type { Delivery, Message, ProducerEvents } from 'async-producer';

const producer = new Producer(
  { brokers: ['localhost:9092'], deliveryInterval: 0.5, 'compression.codec': 'zstd', sslCaLocation: undefined },
  { events: ['delivered', 'failed'], shutdownTimeout: 30_000 },
);

const message: Message = {
  topic: 'greetings',
  key: 'en',
  value: Buffer.from('hello'),
  headers: { trace: 'abc', many: ['a', null, new Uint8Array(1)] },
  partitionKey: null,
  timestamp: new Date(),
  tag: 1,
};
producer.produce(message);
producer.produce({ topic: 'greetings', value: null, headers: new Map([['trace', 'abc']]) });
producer.produce({ topic: 'greetings', value: '', headers: [['a', null]] });
const taken: number = producer.produceBatch([message]);

// @ts-expect-error: a message without a value would be a tombstone by mistake
producer.produce({ topic: 'greetings' });
// @ts-expect-error: a number is no value
producer.produce({ topic: 'greetings', value: 5 });
// @ts-expect-error: no such event
producer.on('deliverd', () => {});
// @ts-expect-error: no such event
new Producer({}, { events: ['error'] });
// @ts-expect-error: times of properties are numbers
new Producer({ deliveryInterval: '1s' });

producer.on('delivered', ({ partition, offset, tag }) => console.log(partition + offset + tag));
producer.once('failed', (event) => producer.produce(event.message));
producer.off('log', ({ level, text }: ProducerEvents['log']) => console.log(level, text.length));

async function main(): Promise<void> {
  const delivery: Delivery = await producer.send(message);
  console.log(delivery.topic, taken, libraryVersion(), producer.stats().accepted, producer.outstanding);
  try {
    await producer.room();
    await producer.flush({ timeout: 1000 });
  } catch (error) {
    if (error instanceof DeliveryError && error.event.persistence === 'no') producer.produce(error.event.message);
    if (error instanceof BufferOverflowError) console.log(error.code, error.status, error.message);
  }
  await producer.ref().unref().shutdown();
  await producer.close();
}

async function scope(): Promise<void> {
  await using scoped = new Producer({ brokers: 'localhost:9092' });
  scoped.produce(message);
}

void main().then(scope);
