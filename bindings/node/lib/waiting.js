'use strict';

const { Deadline } = require('./deadline');

/** The sends that wait for room, in the order of the calls; each for the same time. */
class Waiting {
  #queue = [];
  #limit;
  #deadline;
  #onExpired;

  /** `limit` in milliseconds; 0 = nobody waits. Calls `onExpired` with the number of each that waited so long. */
  constructor(limit, onExpired) {
    this.#limit = limit;
    this.#onExpired = onExpired;
    this.#deadline = new Deadline(() => this.#expire());
  }

  get isAllowed() {
    return this.#limit > 0;
  }

  get isEmpty() {
    return this.#queue.length === 0;
  }

  add(send) {
    this.#queue.push({ ...send, until: performance.now() + this.#limit });
    this.#deadline.within(this.#limit);
  }

  /** Offers the sends to `accept` in order, up to the first it answers false for. */
  serve(accept) {
    let served = 0;
    while (served < this.#queue.length && accept(this.#queue[served])) served++;
    if (served > 0) this.#remove(served);
  }

  #expire() {
    const now = performance.now();
    const first = this.#queue.findIndex(({ until }) => until > now);
    for (const { number } of this.#remove(first < 0 ? this.#queue.length : first)) this.#onExpired(number);
  }

  /** Removes the first ones; the time of the next one is waited for. */
  #remove(count) {
    const removed = this.#queue.splice(0, count);
    this.#deadline.clear();
    if (this.#queue.length > 0) this.#deadline.within(Math.max(this.#queue[0].until - performance.now(), 0));
    return removed;
  }
}

module.exports = { Waiting };
