'use strict';

const { EventEmitter } = require('node:events');
const { newProducer } = require('./config');
const { Deadline, checkTimeout } = require('./deadline');
const { DeliveryError, Status, errorOf, rangeError, typeError } = require('./errors');
const { NAMES, Type, Details, eventOf, maskOf, nameOf } = require('./events');
const exit = require('./exit');
const { Ledger } = require('./ledger');
const { library, check, callAsync } = require('./library');
const { Promises } = require('./promises');
const { Reader } = require('./reader');
const { RecordWriter, retag } = require('./record');
const { refusal } = require('./refusal');
const { readStats } = require('./stats');
const tags = require('./tag');
const { Waiting } = require('./waiting');

/** Told where nothing else is asked for: the caller of `produce()` knows what was enqueued. */
const DEFAULT_EVENTS = NAMES.filter((name) => name !== 'enqueued');

/** Calls of the library to end a producer, a second each at the most, before it is freed as it is. */
const MOST_ENDINGS = 5;

/** One for all producers: a record is packed and handed over in one step. */
const writer = new RecordWriter();

/** Hands messages to Kafka in the background. */
class Producer extends EventEmitter {
  #handle;
  #details;
  #reader;
  #events;
  #shutdownTimeout;
  #ledger = new Ledger();
  #promises = new Promises(
    () => this.#reader.ref(),
    () => this.#isRef || this.#reader.unref(),
  );
  #isRef = false;
  /** The sends that wait for room, and the numbers of the promises of `room()`. */
  #waiting;
  #rooms = [];
  /** What `#ledger.settled` was when there was no room the last time. */
  #settledAtOverflow = -1;
  #isDeliverySoon = false;
  #isBroken = false;
  /** The promise of `shutdown()`, from its first call on, and the time it has. */
  #end = null;
  #deadline = null;
  #lastStats = null;

  constructor(config, { events = DEFAULT_EVENTS, shutdownTimeout = Infinity } = {}) {
    super();
    this.#events = checkEvents(events);
    this.#shutdownTimeout = checkTimeout(shutdownTimeout);
    const { handle, overflowWait } = newProducer(config, maskOf(events));
    this.#handle = handle;
    this.#details = new Details(handle);
    this.#waiting = new Waiting(overflowWait, (number) => this.#promises.reject(number, this.#overflow()));
    this.#reader = this.#newReader();
    this.on('newListener', (name) => this.#checkListener(name));
    exit.enlist(this, () => library().ap_free(handle));
  }

  /** Messages that are accepted and not settled. */
  get outstanding() {
    return this.#ledger.outstanding;
  }

  /** Queues a message and returns at once; throws where there is no room. */
  produce(message) {
    if (this.produceBatch([message]) === 0) throw this.#overflow();
  }

  /** Queues messages in order and answers how many there was room for; where one is wrong, none is queued. */
  produceBatch(messages) {
    if (!Array.isArray(messages)) throw typeError('messages', 'an array', messages);
    this.#checkOpen();
    writer.clear();
    for (const message of messages) {
      const tag = tagOf(message);
      writer.append(message, tags.low(tag), tags.high(tag, this.#ledger.epoch, false));
    }
    return this.#offer(writer.bytes, writer.length, messages);
  }

  /** Queues a message, starts its delivery, and answers where it is in Kafka once it is there. */
  async send(message) {
    this.#checkOpen();
    const tag = tagOf(message);
    writer.clear();
    writer.append(message, 0, 0);
    const { number, promise } = this.#promises.make({ tag, topic: message.topic });
    const isFirst = this.#waiting.isEmpty;
    if (isFirst && this.#trySend({ number, message, record: writer.bytes, length: writer.length })) return promise;
    if (this.#waiting.isAllowed) {
      this.#waiting.add({ number, message, record: writer.copy(), length: writer.length });
      this.#deliverSoon();
    } else {
      this.#promises.reject(number, this.#overflow());
    }
    return promise;
  }

  /** Waits until there may be room again after a BufferOverflowError, or a batch that was not taken whole. */
  async room() {
    this.#checkOpen();
    if (this.#ledger.settled !== this.#settledAtOverflow) return;
    check(library().ap_deliver(this.#handle));
    const { number, promise } = this.#promises.make();
    this.#rooms.push(number);
    await promise;
  }

  /** Starts the delivery of what is queued, and returns at once. */
  deliver() {
    this.#checkOpen();
    check(library().ap_deliver(this.#handle));
  }

  /** Delivers, and waits until everything accepted before the call is settled. */
  async flush({ timeout = Infinity } = {}) {
    checkTimeout(timeout);
    if (this.#lastStats !== null) throw errorOf(Status.SHUT_DOWN, 'The producer is shut down.');
    check(library().ap_deliver(this.#handle));
    const { watch, number, promise } = this.#watch();
    const late = () => errorOf(Status.TIMED_OUT, `Not everything was settled in ${timeout} ms; delivery goes on.`);
    const deadline = new Deadline(() => this.#promises.reject(number, late()));
    try {
      await this.#reader.drain();
      deadline.within(timeout);
      await promise;
    } finally {
      deadline.clear();
      this.#ledger.unwatch(watch);
    }
    throwWhereLost(watch.lost);
  }

  /** Drops what was not handed to Kafka yet, each message with an event; answers how many. */
  clear() {
    this.#checkOpen();
    return check(library().ap_clear(this.#handle));
  }

  /** The counters; after the shutdown the last ones. */
  stats() {
    return this.#lastStats ?? readStats(this.#handle);
  }

  /** Keeps the process alive up to the shutdown, as a promise that is waited for does anyway. */
  ref() {
    this.#isRef = true;
    this.#reader.ref();
    return this;
  }

  /** Takes back `ref()`. */
  unref() {
    this.#isRef = false;
    if (this.#promises.isIdle) this.#reader.unref();
    return this;
  }

  /** Takes no more messages, delivers what there is until the time is over, then drops what is left and frees all. */
  async shutdown({ timeout = this.#shutdownTimeout } = {}) {
    checkTimeout(timeout);
    this.#end ??= this.#finish();
    this.#deadline?.within(timeout);
    return this.#end;
  }

  /** Drops what is left at once and frees all. */
  async close() {
    try {
      await this.shutdown({ timeout: 0 });
    } catch (error) {
      if (error.status !== Status.UNDELIVERED) throw error;
    }
  }

  #newReader() {
    try {
      return new Reader(
        this.#handle,
        (entry) => this.#take(entry),
        () => this.#useRoom(),
      );
    } catch (error) {
      library().ap_free(this.#handle);
      throw error;
    }
  }

  #checkOpen() {
    if (this.#end !== null) throw refusal(Status.SHUT_DOWN, []);
  }

  #checkListener(name) {
    if (!NAMES.includes(name) || this.#events.includes(name)) return;
    throw new Error(`The event "${name}" is not told by this producer; name it in the option "events"`);
  }

  /** Hands packed records to the library; answers how many it took. */
  #offer(records, length, messages) {
    const count = library().ap_produce_packed(this.#handle, records, length);
    if (count < 0) throw refusal(count, messages);
    if (count < messages.length) this.#settledAtOverflow = this.#ledger.settled;
    this.#ledger.accept(count);
    return count;
  }

  #overflow() {
    return refusal(Status.BUFFER_OVERFLOW, []);
  }

  /** False where there is no room; a message that is refused for another reason is done with. */
  #trySend({ number, message, record, length }) {
    retag(record, tags.low(number), tags.high(number, this.#ledger.epoch, true));
    try {
      if (this.#offer(record, length, [message]) === 0) return false;
      this.#deliverSoon();
    } catch (error) {
      this.#promises.reject(number, error);
    }
    return true;
  }

  /** Who waits for a message wants it delivered; all that are sent in one turn of the loop go together. */
  #deliverSoon() {
    if (this.#isDeliverySoon) return;
    this.#isDeliverySoon = true;
    setImmediate(() => {
      this.#isDeliverySoon = false;
      library().ap_deliver(this.#handle);
    });
  }

  /** Takes in an event the library tells. */
  #take(entry) {
    const { type, tagLow, tagHigh } = entry;
    const name = nameOf(type);
    const number = tags.numberOf(tagLow, tagHigh);
    const promise = tags.isAwaited(tagHigh) ? this.#promises.get(number) : undefined;
    const isSettled = (type & Type.SETTLED) !== 0;
    const isHeard = this.listenerCount(name) > 0;
    let event = null;
    if (isHeard || (isSettled && promise)) {
      const tag = promise?.tag ?? (tags.isAwaited(tagHigh) ? 0 : number);
      event = eventOf(entry, this.#details, tag);
    }
    if (isSettled) {
      this.#ledger.settle(tags.epochOf(tagHigh), type === Type.DELIVERED);
      if (promise) this.#answer(number, promise, event);
    }
    if (type === Type.CLIENT_ERROR && entry.status === Status.INTERNAL) this.#break();
    if (isHeard) this.#tell(name, event);
  }

  #answer(number, { topic }, event) {
    if (event.type === 'delivered') this.#promises.resolve(number, { topic, ...event });
    else this.#promises.reject(number, new DeliveryError(event));
  }

  /** What a listener throws is an uncaught exception, and not in the way of later events. */
  #tell(name, event) {
    try {
      this.emit(name, event);
    } catch (error) {
      process.nextTick(() => {
        throw error;
      });
    }
  }

  /** The library has contained a defect of its own: nothing will be settled any more. */
  #break() {
    this.#isBroken = true;
    this.#promises.rejectAll(errorOf(Status.INTERNAL, library().ap_status_message(Status.INTERNAL)));
  }

  /** After events were read: settlements have made room. */
  #useRoom() {
    // Where nothing is outstanding the places of the last losses, held while they are told, are free only now.
    if (this.#ledger.settled === this.#settledAtOverflow && this.#ledger.outstanding > 0) return;
    for (const number of this.#rooms.splice(0)) this.#promises.resolve(number);
    this.#waiting.serve((send) => this.#trySend(send));
    if (!this.#waiting.isEmpty) this.#deliverSoon();
  }

  /** A promise that everything accepted so far is settled. */
  #watch() {
    const { number, promise } = this.#promises.make();
    const watch = this.#ledger.watch(() => this.#promises.resolve(number));
    return { watch, number, promise };
  }

  async #finish() {
    const { watch, number, promise } = this.#watch();
    this.#deadline = new Deadline(() => this.#promises.resolve(number));
    if (this.#isBroken) this.#deadline.within(0);
    this.#refuseWaiting();
    library().ap_deliver(this.#handle);
    await promise.catch(() => {}); // Broken: there is nothing to wait for.
    this.#deadline.clear();
    this.#deadline = null;
    await this.#endLibrary();
    this.#promises.rejectAll(errorOf(Status.SHUT_DOWN, 'The producer ended without word of this message.'));
    throwWhereLost(watch.lost + this.#ledger.outstanding);
  }

  #refuseWaiting() {
    const error = refusal(Status.SHUT_DOWN, []);
    for (const number of this.#rooms.splice(0)) this.#promises.reject(number, error);
    this.#waiting.serve(({ number }) => {
      this.#promises.reject(number, error);
      return true;
    });
  }

  /** Drops what is left, reads what is told of it, and frees all. Off the loop: it may take a second. */
  async #endLibrary() {
    let status = Status.OK;
    for (let count = 0; count < MOST_ENDINGS; count++) {
      status = await callAsync('ap_shutdown', this.#handle, 0);
      await this.#reader.drain();
      if (this.#ledger.outstanding === 0 || status === Status.INTERNAL) break;
    }
    this.#reader.close();
    this.#lastStats = readStats(this.#handle);
    await callAsync('ap_free', this.#handle);
    exit.delist(this);
  }
}

// `await using`, where the runtime has it.
if (Symbol.asyncDispose) {
  Object.defineProperty(Producer.prototype, Symbol.asyncDispose, {
    configurable: true,
    writable: true,
    value() {
      return this.shutdown();
    },
  });
}

function checkEvents(names) {
  if (!Array.isArray(names)) throw typeError('options.events', 'an array of names of events', names);
  for (const name of names) {
    if (!NAMES.includes(name)) throw rangeError('options.events', `made of ${NAMES.join(', ')}`, JSON.stringify(name));
  }
  return names;
}

/** The tag of a message, 0 where it has none. */
function tagOf(message) {
  const tag = message?.tag ?? 0;
  if (typeof tag !== 'number') throw typeError('tag', 'of type number', tag);
  if (!Number.isSafeInteger(tag) || tag < 0) throw rangeError('tag', 'a whole number from 0 to 2^53 - 1', tag);
  return tag;
}

function throwWhereLost(count) {
  if (count === 0) return;
  throw errorOf(Status.UNDELIVERED, `Messages that were not delivered: ${count}; each was told in an event.`);
}

module.exports = { Producer };
