'use strict';

/*
 * The 64 bits of a tag, as two words. Bits 0 to 52 are a number: the program's tag, or the number of the promise that
 * waits for the message. Bits 53 to 62 are the message's epoch in the ledger. Bit 63 says that a promise waits.
 */

const WORD = 2 ** 32;
const NUMBER_BITS = 21; // of the high word
const AWAITED = 0x80000000;

/** Epochs there can be at a time. */
const EPOCHS = 1 << (31 - NUMBER_BITS);

function low(number) {
  return number >>> 0;
}

function high(number, epoch, awaited) {
  return ((awaited ? AWAITED : 0) | (epoch << NUMBER_BITS) | (number / WORD)) >>> 0;
}

function numberOf(low, high) {
  return (high & ((1 << NUMBER_BITS) - 1)) * WORD + low;
}

function epochOf(high) {
  return (high >>> NUMBER_BITS) & (EPOCHS - 1);
}

function isAwaited(high) {
  return high >= AWAITED;
}

module.exports = { EPOCHS, low, high, numberOf, epochOf, isAwaited };
