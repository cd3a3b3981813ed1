// Where the runtimes are that a server under test may run on. The load generator and run.mjs itself stay on Node.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** @typedef {'node' | 'node-24' | 'node-26' | 'bun' | 'deno'} RuntimeName */

/** Their binaries in test/runtimes/node_modules; `node` is the one that runs the benchmark. @type {Record<RuntimeName, string>} */
const BINARIES = { node: '', 'node-24': 'node-24/bin/node', 'node-26': 'node-26/bin/node', bun: '.bin/bun', deno: '.bin/deno' };

export const RUNTIMES = /** @type {RuntimeName[]} */ (Object.keys(BINARIES));

const INSTALLED = new URL('../test/runtimes/node_modules/', import.meta.url);

/** @param {RuntimeName} runtime @returns {string} Path of its binary. */
export function binaryOf(runtime) {
  return runtime === 'node' ? process.execPath : fileURLToPath(new URL(BINARIES[runtime], INSTALLED));
}

/** @param {RuntimeName} runtime @returns {string | null} Why it cannot run here, or null. */
export function missingRuntime(runtime) {
  const binary = binaryOf(runtime);
  return existsSync(binary) ? null : `${binary} does not exist: run \`npm ci --prefix test/runtimes\` first`;
}

/** @param {RuntimeName} runtime @returns {string} As it prints it itself. */
export function versionOf(runtime) {
  const { stdout } = spawnSync(binaryOf(runtime), ['--version'], { encoding: 'utf8' });
  return /\d+\.\d+\.\d+\S*/.exec(stdout ?? '')?.[0] ?? 'unknown';
}

/** Program and arguments that run a script, with garbage collection on command. @param {RuntimeName} runtime @returns {string[]} */
export function launch(runtime) {
  const binary = binaryOf(runtime);
  switch (runtime) {
    case 'bun':
      return [binary, '--no-install', 'run'];
    case 'deno':
      return [binary, 'run', '--allow-all', '--no-lock', '--quiet', '--v8-flags=--expose-gc'];
    default:
      return [binary, '--expose-gc'];
  }
}

/** Shows a runtime's name as its makers write it. @param {RuntimeName} runtime @returns {string} */
export function titleOf(runtime) {
  return runtime === 'bun' ? 'Bun' : runtime === 'deno' ? 'Deno' : 'Node.js';
}
