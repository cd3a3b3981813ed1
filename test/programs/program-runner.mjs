// What the programs' scripts share: which package stands behind `ws`, servers on the loopback interface, bounded waits.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds that anything awaited here may take. */
const PATIENCE = 40_000;
/** Name of the package that run.mjs has put in the place of ws. */
const EXPECTED = process.env.WS_PACKAGE ?? 'ws';

/** Name in the package.json that a module belongs to. */
function packageOf(file) {
  let folder = dirname(file);
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).name;
}

/**
 * Fails unless each program, seen from its own folder, gets the package under test when it asks for ws.
 *
 * @param from `import.meta.url` of the script.
 * @param programs Paths of names, each resolved from the one before: `['socket.io', 'engine.io']`.
 */
export function assertWs(from, ...programs) {
  // replace-ws.mjs makes sure of it; Bun finds no file for its own ws.
  if (process.versions.bun) return;
  for (const path of [[], ...programs]) {
    let require = createRequire(from);
    for (const name of path) require = createRequire(require.resolve(name));
    assert.equal(packageOf(require.resolve('ws')), EXPECTED, `ws of ${path.join(' > ') || 'the script'}`);
  }
}

/**
 * Loads a program as a CommonJS module on Bun, where an ES module that imports ws gets the one of Bun, and as an ES module elsewhere.
 *
 * @param from `import.meta.url` of the script.
 */
export function load(from, name) {
  return process.versions.bun ? createRequire(from)(name) : import(name);
}

/** Fails with `what` when the promise takes too long. */
export async function within(what, promise) {
  let timer;
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`Timed out: ${what}`)), PATIENCE);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Arguments of the next event. */
export function next(emitter, name) {
  return within(`event '${name}'`, new Promise((resolve) => emitter.once(name, (...values) => resolve(values))));
}

/** Waits until the condition holds. */
export async function until(what, condition) {
  const end = Date.now() + PATIENCE;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`Timed out: ${what}`);
    await sleep(5);
  }
}

/** Starts an HTTP server (a plain one, unless given) on a port that the system chooses. Returns it and its `host:port`. */
export async function listen(server = createServer()) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, host: `127.0.0.1:${server.address().port}` };
}

/** Closes a server, which ends only when no connection is left. */
export async function closed(server) {
  await within('close of a server', new Promise((resolve) => server.close(resolve)));
}

/** Prints what run.mjs shows beside the result: facts that may differ between packages and are not asserted. */
export function note(text) {
  console.log(`note: ${text}`);
}
