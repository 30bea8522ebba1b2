'use strict';

const { spawn } = require('node:child_process');
const path = require('node:path');
const { Producer } = require('async-producer');

/** A guard against hanging, never a thing to wait for. */
const GUARD = 60_000;

/** Nobody listens there. */
const DEAD = { 'bootstrap.servers': '127.0.0.1:1' };

/** A cluster inside the process. */
const MOCK = { 'test.mock.num.brokers': 1 };

/** Makes producers that are closed at the end of the test. */
function producerOf(t, config, options) {
  const producer = new Producer(config, options);
  t.after(() => producer.close());
  return producer;
}

/** Waits for an event for which the condition holds. */
function eventOf(producer, name, condition = () => true) {
  producer.ref();
  return new Promise((resolve, reject) => {
    const guard = setTimeout(() => reject(new Error(`no event ${name} in ${GUARD} ms`)), GUARD);
    producer.on(name, (event) => {
      if (!condition(event)) return;
      clearTimeout(guard);
      producer.unref();
      resolve(event);
    });
  });
}

/** Keeps the events of some names as they come. */
function eventsOf(producer, ...names) {
  const events = [];
  for (const name of names) producer.on(name, (event) => events.push(event));
  return events;
}

/** Runs a program given as text, in a process of its own. */
function run(source, { flags = [], ...options } = {}) {
  return runNode([...flags, '-e', source], options);
}

/** Runs Node.js; answers its exit code, its signal and what it printed. */
function runNode(args, { env = {}, onOutput = () => {} } = {}) {
  const child = spawn(process.execPath, args, {
    cwd: path.join(__dirname, '..'),
    env: { ...process.env, ...env },
    timeout: GUARD,
    killSignal: 'SIGKILL',
  });
  const output = { stdout: '', stderr: '' };
  for (const name of Object.keys(output)) {
    child[name].setEncoding('utf8').on('data', (text) => {
      output[name] += text;
      onOutput(child, output);
    });
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code, signal) => resolve({ code, signal, ...output }));
  });
}

/** The error a function throws, or a promise rejects with. */
async function errorOf(body) {
  try {
    await body();
  } catch (error) {
    return error;
  }
  throw new Error('no error was thrown');
}

module.exports = { DEAD, GUARD, MOCK, errorOf, eventOf, eventsOf, producerOf, run, runNode };
