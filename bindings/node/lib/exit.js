'use strict';

const { isMainThread } = require('node:worker_threads');

/** The producers of this thread that are not shut down, each with the function that frees it. */
const open = new Map();

/** The end of the thread will be watched for this producer. */
function enlist(producer, free) {
  if (open.size === 0) {
    process.once('beforeExit', warn); // Once: in a worker the warning itself keeps the loop going.
    // The process goes on without this thread: what its producers have must go. With the process itself all goes.
    if (!isMainThread) process.on('exit', freeAll);
  }
  open.set(producer, free);
}

function delist(producer) {
  open.delete(producer);
  if (open.size === 0) {
    process.off('beforeExit', warn);
    process.off('exit', freeAll);
  }
}

/** A loss that nobody sees is the worst one. */
function warn() {
  for (const producer of open.keys()) {
    const count = producer.outstanding;
    if (count > 0) {
      const what = `${isMainThread ? 'process' : 'worker'} ends with undelivered messages (${count})`;
      process.emitWarning(`The ${what}; await producer.shutdown() before its end`, 'AsyncProducerWarning');
    }
  }
}

function freeAll() {
  for (const free of open.values()) free();
}

module.exports = { enlist, delist };
