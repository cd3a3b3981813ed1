// How a process under test speaks to run.mjs: JSON lines out, the lines 'stats' and 'collect' in. Node, Bun and Deno.

import { createInterface } from 'node:readline';

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

/** @param {string} command */
async function answer(command) {
  if (command === 'collect') await collect();
  const { user, system } = process.cpuUsage();
  report({ event: 'stats', cpu: (user + system) / 1e6, time: performance.now() / 1e3, rss: process.memoryUsage().rss });
}

/** Answers commands, and ends this process with its standard input. */
export function answerCommands() {
  const commands = createInterface({ input: process.stdin });
  commands.on('line', (command) => void answer(command));
  commands.on('close', () => process.exit(0));
}
