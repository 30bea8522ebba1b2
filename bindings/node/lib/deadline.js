'use strict';

const { rangeError, typeError } = require('./errors');

const LONGEST = 2 ** 31 - 1; // of setTimeout(), 24 days

/** Calls a function once a time has passed. A later time does not put off an earlier one. */
class Deadline {
  #expire;
  #at = Infinity;
  #timer = null;

  constructor(expire) {
    this.#expire = expire;
  }

  /** In so many milliseconds from now at the latest. */
  within(timeout) {
    const at = performance.now() + timeout;
    if (at >= this.#at) return;
    clearTimeout(this.#timer);
    this.#at = at;
    this.#timer = setTimeout(this.#expire, Math.min(timeout, LONGEST));
  }

  clear() {
    clearTimeout(this.#timer);
    this.#at = Infinity;
  }
}

/** Checks a timeout in milliseconds; Infinity is no limit. */
function checkTimeout(timeout) {
  if (typeof timeout !== 'number') throw typeError('timeout', 'of type number', timeout);
  if (!(timeout >= 0)) throw rangeError('timeout', '0 or more milliseconds, or Infinity', timeout);
  return timeout;
}

module.exports = { Deadline, checkTimeout };
