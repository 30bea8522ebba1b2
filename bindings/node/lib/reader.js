'use strict';

const net = require('node:net');
const { setImmediate: nextTurn } = require('node:timers/promises');
const { library, check } = require('./library');
const { Entries } = require('./events');

const PER_CALL = 256;

/** Events read before the rest of the program has its turn. */
const PER_TURN = 1024;

/** Reads the events of a producer when its descriptor says that there are some. */
class Reader {
  #handle;
  #onEntry;
  #onRead;
  #entries = new Entries(PER_CALL);
  #socket;
  #next = null;
  #isClosed = false;

  /** Calls `onEntry` for each event, and `onRead` after each turn. */
  constructor(handle, onEntry, onRead) {
    this.#handle = handle;
    this.#onEntry = onEntry;
    this.#onRead = onRead;
    const fd = check(library().ap_event_fd(handle));
    this.#socket = new net.Socket({ fd, readable: true, writable: false });
    this.#socket.on('data', () => this.#turn());
    this.#socket.unref();
  }

  ref() {
    this.#socket.ref();
  }

  unref() {
    this.#socket.unref();
  }

  /** Reads every event there is, in turns of its own: the caller may be in the middle of one. */
  async drain() {
    do await nextTurn();
    while (this.#read());
  }

  close() {
    this.#isClosed = true;
    clearImmediate(this.#next);
    this.#socket.destroy();
  }

  #turn() {
    if (this.#next !== null) return;
    if (this.#read()) {
      this.#next = setImmediate(() => {
        this.#next = null;
        this.#turn();
      });
    }
  }

  /** Reads events of one turn; whether there may be more. */
  #read() {
    if (this.#isClosed) return false;
    let count = 0;
    let total = 0;
    // Up to the call that answers 0: it gives back the places of the messages that were told last.
    do {
      count = this.#readOnce();
      total += count;
    } while (count > 0 && total < PER_TURN);
    this.#onRead();
    return count > 0;
  }

  #readOnce() {
    const { memory, capacity } = this.#entries;
    const count = check(library().ap_poll_events(this.#handle, 0, memory, Entries.SIZE, capacity));
    for (let index = 0; index < count; index++) this.#onEntry(this.#entries.select(index));
    return count;
  }
}

module.exports = { Reader };
