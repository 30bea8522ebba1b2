'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { Ledger } = require('../lib/ledger');
const tags = require('../lib/tag');

/** A watch with what was called. */
function watch(ledger) {
  const state = { isDone: false };
  state.watch = ledger.watch(() => (state.isDone = true));
  return state;
}

test('a watch of nothing is over at once', () => {
  assert.ok(watch(new Ledger()).isDone);
});

test('a watch waits for what was accepted before it, and for nothing else', () => {
  const ledger = new Ledger();
  const first = ledger.epoch;
  ledger.accept(2);
  const one = watch(ledger);
  const second = ledger.epoch;
  ledger.accept(1);
  assert.notEqual(first, second);
  ledger.settle(second, false);
  ledger.settle(first, true);
  assert.ok(!one.isDone);
  ledger.settle(first, false);
  assert.ok(one.isDone);
  assert.equal(one.watch.lost, 1);
});

test('a later watch includes the earlier epochs', () => {
  const ledger = new Ledger();
  const [a, b] = [0, 0].map(() => {
    const { epoch } = ledger;
    ledger.accept(1);
    return { epoch, watch: watch(ledger) };
  });
  ledger.settle(b.epoch, false);
  assert.ok(!a.watch.isDone && !b.watch.isDone);
  ledger.settle(a.epoch, false);
  assert.ok(a.watch.isDone && b.watch.isDone);
  assert.deepEqual([a.watch.watch.lost, b.watch.watch.lost], [1, 2]);
});

test('a watch that is taken back is not called', () => {
  const ledger = new Ledger();
  ledger.accept(1);
  const one = watch(ledger);
  ledger.unwatch(one.watch);
  ledger.settle(0, true);
  assert.ok(!one.isDone);
});

test('any order of many messages and watches: each is over exactly when it should be', () => {
  let seed = 1;
  const random = (below) => (seed = (seed * 48271) % 0x7fffffff) % below;
  const ledger = new Ledger();
  const open = []; // Messages: epoch and number.
  const watches = [];
  let number = 0;
  for (let step = 0; step < 200_000; step++) {
    const choice = random(10);
    if (choice < 4) {
      open.push({ epoch: ledger.epoch, number: number++ });
      ledger.accept(1);
    } else if (choice < 9 && open.length > 0) {
      const [{ epoch, number: settled }] = open.splice(random(open.length), 1);
      const isDelivered = random(2) === 0;
      for (const one of watches) {
        one.left.delete(settled) && !isDelivered && one.lost++;
      }
      ledger.settle(epoch, isDelivered);
    } else if (watches.length < 500) {
      watches.push({ left: new Set(open.map((message) => message.number)), lost: 0, state: watch(ledger) });
    }
    assert.equal(ledger.outstanding, open.length);
    for (let index = watches.length - 1; index >= 0; index--) {
      const one = watches[index];
      assert.equal(one.state.isDone, one.left.size === 0, `step ${step}`);
      if (!one.state.isDone) continue;
      assert.equal(one.state.watch.lost, one.lost);
      watches.splice(index, 1);
    }
  }
});

test('more watches than epochs: none is over too early, all are in the end', () => {
  const ledger = new Ledger();
  const open = [];
  const states = [];
  for (let i = 0; i < 3 * tags.EPOCHS; i++) {
    open.push(ledger.epoch);
    ledger.accept(1);
    states.push(watch(ledger));
  }
  open.forEach((epoch, i) => {
    states.slice(i).forEach((state) => assert.ok(!state.isDone));
    ledger.settle(epoch, true);
  });
  assert.ok(states.every((state) => state.isDone));
});

test('epochs that were settled while nobody watched can be used again', () => {
  const ledger = new Ledger();
  for (let i = 0; i < tags.EPOCHS - 1; i++) {
    ledger.accept(1);
    ledger.unwatch(watch(ledger).watch);
  }
  for (let epoch = 0; epoch < tags.EPOCHS - 1; epoch++) ledger.settle(epoch, true);
  ledger.accept(1);
  const { epoch } = ledger;
  const one = watch(ledger);
  ledger.accept(1);
  ledger.settle(epoch, true);
  assert.ok(one.isDone);
});

test('a tag keeps number, epoch and mark apart', () => {
  for (const number of [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]) {
    for (const epoch of [0, 1, tags.EPOCHS - 1]) {
      for (const awaited of [false, true]) {
        const [low, high] = [tags.low(number), tags.high(number, epoch, awaited)];
        assert.deepEqual(
          [tags.numberOf(low, high), tags.epochOf(high), tags.isAwaited(high)],
          [number, epoch, awaited],
        );
      }
    }
  }
});
