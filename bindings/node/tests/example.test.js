'use strict';

const assert = require('node:assert/strict');
const path = require('node:path');
const { test } = require('node:test');
const { runNode } = require('./support');

const FILE = path.join(__dirname, '..', 'example', 'produce.js');

/** Sends a signal once for each text that appears on standard error. */
function interruptAt(...texts) {
  return (child, { stderr }) => {
    while (texts.length > 0 && stderr.includes(texts[0])) {
      texts.shift();
      child.kill('SIGINT');
    }
  };
}

const example = (count, options) => runNode([FILE, `${count}`], options);

test('the example delivers 100,000 messages', async () => {
  const { code, stdout, stderr } = await example(100_000);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^100000 accepted, 100000 delivered, 0 lost in [\d.]+ s\n$/);
});

test('the example, Ctrl-C in the middle: what was accepted is delivered', async () => {
  const { code, stdout, stderr } = await example(1e9, { onOutput: interruptAt('sending') });
  assert.equal(code, 130, stderr);
  const [, accepted, delivered, lost] = /^(\d+) accepted, (\d+) delivered, (\d+) lost/.exec(stdout);
  assert.equal(delivered, accepted);
  assert.equal(lost, '0');
});

test('the example, Ctrl-C twice without a broker: what was accepted is handed back', async () => {
  const env = { BROKERS: '127.0.0.1:1' };
  const { code, stdout, stderr } = await example(1e9, { env, onOutput: interruptAt('refused', 'once more') });
  assert.equal(code, 130, stderr);
  assert.match(stdout, /^(\d+) accepted, 0 delivered, \1 lost/);
});
