'use strict';

const { EPOCHS } = require('./tag');

/**
 * Counts the messages that are outstanding: accepted and not settled. Each belongs to an epoch, which comes back in its
 * tag; a watch ends the current epoch and is over when every epoch up to it is settled, whatever is accepted later.
 */
class Ledger {
  outstanding = 0;
  settled = 0;
  #counts = new Uint32Array(EPOCHS); // By epoch modulo EPOCHS.
  #oldest = 0;
  #current = 0;
  #watches = [];

  /** The epoch of messages that are accepted now. */
  get epoch() {
    return this.#current % EPOCHS;
  }

  accept(count) {
    this.outstanding += count;
    this.#counts[this.epoch] += count;
  }

  settle(epoch, isDelivered) {
    this.outstanding--;
    this.settled++;
    this.#counts[epoch]--;
    if (this.#watches.length === 0) return;
    if (!isDelivered) this.#countLoss(this.#oldest + ((epoch - this.#oldest) & (EPOCHS - 1)));
    this.#end();
  }

  /** Calls `done` when everything accepted so far is settled. Its `lost` counts what of it is not delivered. */
  watch(done) {
    const watch = { until: this.#endEpoch(), lost: 0, done };
    this.#watches.push(watch);
    this.#end();
    return watch;
  }

  unwatch(watch) {
    this.#watches = this.#watches.filter((other) => other !== watch);
  }

  /** Messages from now on are of a later epoch than the one that is answered. */
  #endEpoch() {
    this.#end(); // Epochs that were settled while nobody watched.
    if (this.#counts[this.epoch] === 0) return this.#current - 1;
    // Where no epoch is left this one is shared with later messages, and who waits for it waits a little longer.
    if (this.#current - this.#oldest === EPOCHS - 1) return this.#current;
    return this.#current++;
  }

  #countLoss(epoch) {
    for (const watch of this.#watches) {
      if (epoch <= watch.until) watch.lost++;
    }
  }

  #end() {
    while (this.#oldest < this.#current && this.#counts[this.#oldest % EPOCHS] === 0) this.#oldest++;
    while (this.#watches.length > 0 && (this.outstanding === 0 || this.#watches[0].until < this.#oldest)) {
      this.#watches.shift().done();
    }
  }
}

module.exports = { Ledger };
