'use strict';

const fs = require('node:fs');
const path = require('node:path');
const koffi = require('koffi');
const { version: ownVersion } = require('../package.json');
const { LibraryError, Status, errorOf } = require('./errors');

const SONAME = 'libasync_producer.so.0';

// Handles are checked numbers, not addresses: they need no pointer type.
const PROTOTYPES = [
  'uint32_t ap_version()',
  'str ap_version_string()',
  'str ap_status_message(int32_t)',
  'uintptr_t ap_config_new()',
  'int32_t ap_config_set(uintptr_t, str, str, void *, size_t)',
  'int32_t ap_config_set_event_callback(uintptr_t, uint32_t, void *, void *, void *)',
  'void ap_config_free(uintptr_t)',
  'int32_t ap_new(uintptr_t, void *, void *, size_t)',
  'void ap_free(uintptr_t)',
  'int64_t ap_produce_packed(uintptr_t, void *, size_t)',
  'int32_t ap_deliver(uintptr_t)',
  'int64_t ap_clear(uintptr_t)',
  'int32_t ap_shutdown(uintptr_t, int64_t)',
  'int32_t ap_stats(uintptr_t, void *)',
  'int32_t ap_event_fd(uintptr_t)',
  'int64_t ap_poll_events(uintptr_t, int64_t, void *, size_t, size_t)',
  'int64_t ap_event_text(uintptr_t, uint64_t, void *, size_t)',
  'int64_t ap_event_message(uintptr_t, uint64_t, void *, size_t)',
];

let functions = null;

/** The functions of the shared library by their C names; loaded at the first call. */
function library() {
  return (functions ??= load());
}

function load() {
  const [file, native] = open();
  const version = native.func('uint32_t ap_version()')();
  if (!isCompatible(version)) {
    const found = `${file} is version ${numbers(version).join('.')}`;
    throw new LibraryError(`${found}; this package needs ${needed()}. ASYNC_PRODUCER_LIBRARY can name another.`);
  }
  return Object.fromEntries(PROTOTYPES.map((prototype) => [/ap_\w+/.exec(prototype)[0], native.func(prototype)]));
}

/** The files to try: the one the environment names and no other, else the one of this package, then the system's. */
function candidates() {
  const named = process.env.ASYNC_PRODUCER_LIBRARY;
  if (named) return [path.resolve(named)];
  const bundled = path.join(__dirname, '..', 'native', `${process.platform}-${process.arch}`, SONAME);
  return fs.existsSync(bundled) ? [bundled, SONAME] : [SONAME];
}

function open() {
  const reasons = [];
  for (const file of candidates()) {
    try {
      return [file, koffi.load(file)];
    } catch (error) {
      reasons.push(`\n  ${file}: ${error.message}`);
    }
  }
  throw new LibraryError(
    `The async_producer library cannot be loaded; install it, or set ASYNC_PRODUCER_LIBRARY. Tried:${reasons.join('')}`,
  );
}

/** Before 1.0 a minor version may change anything; a patch version only adds. */
function isCompatible(version) {
  const [major, minor, patch] = numbers(version);
  const [ownMajor, ownMinor, ownPatch] = ownVersion.split('.').map(Number);
  return major === ownMajor && minor === ownMinor && patch >= ownPatch;
}

function needed() {
  const [major, minor] = ownVersion.split('.');
  return `${major}.${minor}, at least ${ownVersion}`;
}

function numbers(version) {
  return [version >>> 16, (version >>> 8) & 0xff, version & 0xff];
}

/** The version of the loaded library and of the librdkafka inside it, such as "0.1.0 (librdkafka 2.12.1)". */
function libraryVersion() {
  return library().ap_version_string();
}

/** Passes on a count or an OK; throws the error of any other status. */
function check(status) {
  if (status >= Status.OK) return status;
  throw errorOf(status, library().ap_status_message(status));
}

/** Calls a function on a thread of libuv's pool. */
function callAsync(name, ...args) {
  return new Promise((resolve, reject) => {
    library()[name].async(...args, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
}

module.exports = { library, libraryVersion, check, callAsync };
