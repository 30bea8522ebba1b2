/* The same names through import from an ES module. */

import producers, { Producer, type Config } from 'async-producer';

const config: Config = { brokers: 'localhost:9092' };
const producer: InstanceType<typeof producers.Producer> = new Producer(config);
await producer.shutdown({ timeout: 0 });
