'use strict';

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const { libraryVersion } = require('async-producer');
const { version } = require('async-producer/package.json');
const { run } = require('./support');

const LIBRARY = path.resolve(process.env.ASYNC_PRODUCER_LIBRARY ?? assert.fail('ASYNC_PRODUCER_LIBRARY is not set'));
const PRINT = 'console.log(require("async-producer").libraryVersion())';

function directory(t) {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'async-producer-'));
  t.after(() => fs.rmSync(made, { recursive: true }));
  return made;
}

/** A library that says it is of another version. */
function fake(t, number) {
  const file = path.join(directory(t), 'fake.so');
  const source = `unsigned ap_version(void) { return ${number}; }`;
  execFileSync('cc', ['-shared', '-fPIC', '-xc', '-', '-o', file], { input: source });
  return file;
}

test('S1 the library is loaded and says its version', () => {
  assert.match(libraryVersion(), /^0\.1\.\d+ \(librdkafka \d+\.\d+\.\d+\)$/);
  assert.equal(libraryVersion().split('.').slice(0, 2).join('.'), version.split('.').slice(0, 2).join('.'));
});

test('search order: the file that ASYNC_PRODUCER_LIBRARY names, and no other', async (t) => {
  const name = path.join(directory(t), 'anything.so');
  fs.symlinkSync(LIBRARY, name);
  const found = await run(PRINT, { env: { ASYNC_PRODUCER_LIBRARY: name } });
  assert.equal(found.stdout.trim(), libraryVersion(), found.stderr);

  const missing = await run(PRINT, {
    env: { ASYNC_PRODUCER_LIBRARY: '/nowhere/lib.so', LD_LIBRARY_PATH: path.dirname(LIBRARY) },
  });
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /LibraryError: .*ASYNC_PRODUCER_LIBRARY[\s\S]*\/nowhere\/lib\.so: .*No such file/);
  assert.doesNotMatch(missing.stderr, /\n {2}libasync_producer\.so\.0:/);
});

test('search order: the system finds the SONAME', async (t) => {
  const folder = directory(t);
  fs.symlinkSync(LIBRARY, path.join(folder, 'libasync_producer.so.0'));
  const found = await run(PRINT, { env: { ASYNC_PRODUCER_LIBRARY: '', LD_LIBRARY_PATH: folder } });
  assert.equal(found.stdout.trim(), libraryVersion(), found.stderr);
});

test('search order: the library of the package comes before the system', async (t) => {
  const folder = directory(t);
  const root = path.join(__dirname, '..');
  for (const name of ['lib', 'package.json', 'index.d.ts']) {
    fs.cpSync(path.join(root, name), path.join(folder, name), { recursive: true });
  }
  fs.symlinkSync(path.dirname(path.dirname(require.resolve('koffi'))), path.join(folder, 'node_modules'));
  const native = path.join(folder, 'native', `${process.platform}-${process.arch}`);
  fs.mkdirSync(native, { recursive: true });
  fs.symlinkSync(LIBRARY, path.join(native, 'libasync_producer.so.0'));
  const print = `console.log(require(${JSON.stringify(folder)}).libraryVersion())`;
  const env = { ASYNC_PRODUCER_LIBRARY: '', LD_LIBRARY_PATH: '' };
  assert.equal((await run(print, { env })).stdout.trim(), libraryVersion());

  fs.rmSync(path.join(folder, 'native'), { recursive: true });
  const missing = await run(print, { env });
  assert.match(missing.stderr, /\n {2}libasync_producer\.so\.0: .*No such file/);
});

test('another minor version is refused, with both versions in the text', async (t) => {
  const { code, stderr } = await run(PRINT, { env: { ASYNC_PRODUCER_LIBRARY: fake(t, (0 << 16) | (2 << 8) | 3) } });
  assert.equal(code, 1);
  assert.match(stderr, /LibraryError: .*fake\.so is version 0\.2\.3; this package needs 0\.1, at least 0\.1\.0/);
});

test('importing loads nothing', async () => {
  const { code } = await run('require("async-producer")', { env: { ASYNC_PRODUCER_LIBRARY: '/nowhere/lib.so' } });
  assert.equal(code, 0);
});

test('the package is the same from require and from import', async () => {
  const source = `
    import all, { Producer, BufferOverflowError, libraryVersion } from 'async-producer';
    import { createRequire } from 'node:module';
    const required = createRequire(process.cwd() + '/x.js')('async-producer');
    console.log(required.Producer === Producer, all.BufferOverflowError === BufferOverflowError, libraryVersion());`;
  const { stdout, stderr } = await run(source, { flags: ['--input-type=module'] });
  assert.equal(stdout.trim(), `true true ${libraryVersion()}`, stderr);
});
