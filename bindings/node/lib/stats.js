'use strict';

const { library, check } = require('./library');

/** The counters of ap_stats_t after its struct_size, each of 64 bits. */
const COUNTERS = [
  'accepted',
  'delivered',
  'failed',
  'unknown',
  'dropped',
  'overflowed',
  'retried',
  'queueSize',
  'maxQueueSize',
  'bufferSize',
  'maxBufferSize',
  'inFlight',
  'pendingBytes',
  'maxPendingBytes',
  'deliveries',
  'lastDeliveryUs',
  'unreadEvents',
  'clientResets',
];

const words = new BigUint64Array(1 + COUNTERS.length);

function readStats(handle) {
  words[0] = BigInt(words.byteLength);
  check(library().ap_stats(handle, words));
  return Object.fromEntries(COUNTERS.map((name, index) => [name, Number(words[index + 1])]));
}

module.exports = { readStats };
