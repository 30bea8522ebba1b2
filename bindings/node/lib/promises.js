'use strict';

/** The promises somebody waits for, by number. Tells when there is a first one, and when there is none left. */
class Promises {
  #open = new Map();
  #last = 0;
  #onBusy;
  #onIdle;

  constructor(onBusy, onIdle) {
    this.#onBusy = onBusy;
    this.#onIdle = onIdle;
  }

  get isIdle() {
    return this.#open.size === 0;
  }

  /** Makes a promise; `details` are kept with it. */
  make(details) {
    const number = ++this.#last;
    const promise = new Promise((resolve, reject) => this.#open.set(number, { ...details, resolve, reject }));
    if (this.#open.size === 1) this.#onBusy();
    return { number, promise };
  }

  get(number) {
    return this.#open.get(number);
  }

  resolve(number, value) {
    this.#take(number)?.resolve(value);
  }

  reject(number, error) {
    this.#take(number)?.reject(error);
  }

  rejectAll(error) {
    for (const number of [...this.#open.keys()]) this.reject(number, error);
  }

  #take(number) {
    const entry = this.#open.get(number);
    if (this.#open.delete(number) && this.#open.size === 0) this.#onIdle();
    return entry;
  }
}

module.exports = { Promises };
