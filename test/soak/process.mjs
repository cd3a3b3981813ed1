// What both programs of the soak do as processes: take commands, report in JSON lines, and measure themselves.

import { readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

/** Garbage collections before memory is read, with a pause between: finalizers free memory in later turns. */
const COLLECTIONS = 6;

/** Reports to the runner. @param {object} report */
export function report(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** Reports a failure, in words. @param {string} message */
export function fail(message) {
  report({ event: 'failure', message });
}

/** Runs the command of each line. @param {Record<string, () => unknown>} commands */
export function takeCommands(commands) {
  const lines = createInterface({ input: process.stdin });
  const run = async (line) => report({ event: line, ...(await commands[line]()) });
  lines.on('line', (line) => void run(line).catch((error) => fail(`${line}: ${error.stack}`)));
  return lines;
}

process.on('uncaughtException', (error) => fail(`uncaught: ${error?.stack ?? error}`));
process.on('unhandledRejection', (error) => fail(`unhandled: ${error?.stack ?? error}`));

/** Counts of the things that keep a process alive, by their type. */
async function countResources() {
  const counts = {};
  for (const type of process.getActiveResourcesInfo?.() ?? []) counts[type] = (counts[type] ?? 0) + 1;
  // Bun names none, but counts the objects of its heap. Its collector keeps a few that are not in use any more.
  if ('Bun' in globalThis) {
    const { heapStats } = await import('bun:jsc');
    const { objectTypeCounts } = heapStats();
    for (const type of ['Timeout', 'Immediate', 'TCPSocket', 'TLSSocket']) counts[type] = objectTypeCounts[type] ?? 0;
  }
  return counts;
}

/** How many more objects than before may be left where they are objects of the heap: each connection of a leak would leave one. */
const APPROXIMATE = 'Bun' in globalThis ? 10 : 0;

/** File descriptors that are open. */
function countDescriptors() {
  return readdirSync('/proc/self/fd').length;
}

/** Memory in bytes after garbage collection, and what is open. */
export async function measure() {
  const collect = globalThis.gc ?? (() => globalThis.Bun.gc(true));
  for (let round = 0; round < COLLECTIONS; round++) {
    collect();
    await sleep(50);
  }
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
  return {
    rss,
    heapUsed,
    external,
    arrayBuffers,
    descriptors: countDescriptors(),
    resources: await countResources(),
    mayLeave: APPROXIMATE,
  };
}
