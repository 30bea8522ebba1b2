'use strict';

/* A peer in Node, with the options and the output of peer.h.

   node node_peer.js node-rdkafka|async_producer key=value ... */

const fs = require('node:fs');
const path = require('node:path');
const { performance } = require('node:perf_hooks');

const DEFAULTS = {
  bootstrap: '127.0.0.1:9092',
  topic: 'bench',
  payload: '',
  compression: 'none',
  messages: 100000,
  size: 100,
  linger: 5,
  queue: 100000,
  calls: 0,
  batch: 100,
  call: 'produce',
};

const turn = () => new Promise(setImmediate);

/* As its documentation shows it: delivery reports by events, polled for at an interval; a full queue is waited for. */
class NodeRdkafka {
  constructor(options, told) {
    const Kafka = require(path.join(process.env.NODE_PEERS, 'node_modules/node-rdkafka'));
    this.version = `librdkafka ${Kafka.librdkafkaVersion}`;
    this.full = Kafka.CODES.ERRORS.ERR__QUEUE_FULL;
    this.topic = options.topic;
    this.producer = new Kafka.Producer({
      'bootstrap.servers': options.bootstrap,
      'enable.idempotence': true,
      acks: 'all',
      'message.timeout.ms': 0,
      'linger.ms': options.linger,
      'compression.codec': options.compression,
      'queue.buffering.max.messages': options.queue,
      'queue.buffering.max.kbytes': 2097151,
      dr_cb: true,
    });
    this.producer.on('delivery-report', (error) => {
      if (error) throw error;
      told(1);
    });
  }

  ready() {
    return new Promise((resolve, reject) => {
      this.producer.connect({}, (error) => (error ? reject(error) : resolve()));
    });
  }

  async produce(values) {
    for (const value of values) {
      for (;;) {
        try {
          this.producer.produce(this.topic, null, value);
          break;
        } catch (error) {
          if (error.code !== this.full) throw error;
          this.producer.poll();
          await turn();
        }
      }
    }
    this.producer.poll();
  }

  flush() {
    this.producer.setPollInterval(1);
  }
}

/* This library's binding, told of every delivery. */
class AsyncProducer {
  constructor(options, told) {
    const { Producer, BufferOverflowError, libraryVersion } = require(path.join(__dirname, '../../bindings/node'));
    this.version = libraryVersion();
    this.Full = BufferOverflowError;
    this.topic = options.topic;
    this.isBatch = options.call === 'batch';
    this.producer = new Producer({
      'bootstrap.servers': options.bootstrap,
      'linger.ms': options.linger,
      'compression.codec': options.compression,
      delivery_threshold: 1,
      max_queue_size: options.queue / 2,
      max_buffer_size: options.queue / 2,
      max_buffer_bytesize: 2 ** 32,
      max_pending_bytes: 0,
    });
    this.producer.on('delivered', () => told(1));
    this.producer.on('failed', (event) => {
      throw new Error(JSON.stringify(event));
    });
  }

  async ready() {}

  async produce(values) {
    if (this.isBatch) {
      let messages = values.map((value) => ({ topic: this.topic, value }));
      for (;;) {
        messages = messages.slice(this.producer.produceBatch(messages));
        if (messages.length === 0) return;
        await this.producer.room();
      }
    }
    for (const value of values) {
      for (;;) {
        try {
          this.producer.produce({ topic: this.topic, value });
          break;
        } catch (error) {
          if (!(error instanceof this.Full)) throw error;
          await this.producer.room();
        }
      }
    }
  }

  flush() {
    this.producer.flush().catch(() => {});
  }
}

function readOptions(words) {
  const options = { ...DEFAULTS };
  for (const word of words) {
    const [key, value] = word.split(/=(.*)/s);
    options[key] = typeof DEFAULTS[key] === 'string' ? value : Number(value);
  }
  return options;
}

function payloads({ payload, size }) {
  if (!payload) return [Buffer.alloc(size, 'x')];
  const lines = fs.readFileSync(payload);
  const step = size + 1;
  return Array.from({ length: Math.floor(lines.length / step) }, (_, index) =>
    lines.subarray(index * step, index * step + size),
  );
}

function memoryKib(name) {
  const line = fs.readFileSync('/proc/self/status', 'utf8').match(new RegExp(`^${name}:\\s+(\\d+)`, 'm'));
  return Number(line[1]);
}

/* The event loop has its turn after each batch, as in a program that does something beside. */
async function run(peer, values, count, batch) {
  for (let made = 0; made < count; ) {
    const some = [];
    for (; some.length < batch && made < count; made += 1) some.push(values[made % values.length]);
    await peer.produce(some);
    await turn();
  }
}

async function main() {
  const [name, ...words] = process.argv.slice(2);
  const options = readOptions(words);
  let acknowledged = 0;
  const Peer = { 'node-rdkafka': NodeRdkafka, async_producer: AsyncProducer }[name];
  const peer = new Peer(options, (count) => {
    acknowledged += count;
  });
  const all = async (count) => {
    peer.flush();
    while (acknowledged < count) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  const values = payloads(options);
  const warm = Math.min(1000, options.messages / 10);
  await peer.ready();
  await run(peer, values, warm, options.batch);
  await all(warm);
  const before = memoryKib('VmRSS');
  const [cpu, begin] = [process.cpuUsage(), performance.now()];
  await run(peer, values, options.messages, options.batch);
  const produced = performance.now();
  await all(warm + options.messages);
  const [wallS, used] = [(performance.now() - begin) / 1000, process.cpuUsage(cpu)];
  const figures = {
    peer: name,
    version: peer.version,
    messages: options.messages,
    wall_s: wallS,
    cpu_s: (used.user + used.system) / 1e6,
    rss_before_kib: before,
    rss_after_kib: memoryKib('VmRSS'),
    rss_peak_kib: memoryKib('VmHWM'),
    call_wall_ns: ((produced - begin) * 1e6) / options.messages,
  };
  process.stdout.write(`${JSON.stringify(figures)}\n`, () => process.exit(0));
}

main();
