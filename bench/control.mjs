// How a process under test is started and speaks to run.mjs: options of servers, JSON lines out, the lines 'stats' and 'collect' in.
// Node, Bun and Deno.

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

/** Options of every server under test. */
export function readServerOptions() {
  const { values } = parseArgs({
    options: {
      module: { type: 'string' },
      // 'echo' or 'fanout'.
      mode: { type: 'string', default: 'echo' },
      deflate: { type: 'boolean', default: false },
      // Without context takeover.
      afresh: { type: 'boolean', default: false },
      tls: { type: 'boolean', default: false },
      // A fan-out by `send` even where there is `broadcast` or `publish`.
      loop: { type: 'boolean', default: false },
      // Behind a server of node:http or node:https.
      http: { type: 'boolean', default: false },
      cork: { type: 'boolean', default: false },
      borrowed: { type: 'boolean', default: false },
      // Bun.serve: one compressor for all connections.
      shared: { type: 'boolean', default: false },
    },
  });
  return values;
}

/** Certificate and key of the rows over TLS, PEM. */
export function readCertificate() {
  const read = (/** @type {string} */ name) =>
    readFileSync(new URL(`../test/support/certificates/${name}.pem`, import.meta.url), 'utf8');
  return { cert: read('certificate'), key: read('key') };
}

/** @param {object} message */
export function report(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

const { Bun } = /** @type {{ Bun?: { gc(synchronous: boolean): void } }} */ (/** @type {unknown} */ (globalThis));

/** @returns {Promise<void>} */
async function collect() {
  for (let pass = 0; pass < 4; pass++) {
    globalThis.gc?.();
    Bun?.gc(true);
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
}

/**
 * Commands of one program: each may return further fields of its reply.
 *
 * @typedef {Record<string, () => Promise<object | void>>} Commands
 */

/** @param {string} command @param {Commands} more */
async function answer(command, more) {
  if (command === 'collect') await collect();
  const fields = await more[command]?.();
  const { user, system } = process.cpuUsage();
  const { heapUsed: heap, rss } = process.memoryUsage();
  report({ event: 'stats', cpu: (user + system) / 1e6, time: performance.now() / 1e3, rss, heap, ...fields });
}

/** Answers commands, and ends this process with its standard input. @param {Commands} [more] */
export function answerCommands(more = {}) {
  const commands = createInterface({ input: process.stdin });
  commands.on('line', (command) => void answer(command, more));
  commands.on('close', () => process.exit(0));
}
