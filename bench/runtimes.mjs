// Where the runtimes are that a server under test may run on. The load generator and run.mjs itself stay on Node.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** @typedef {'node' | 'bun' | 'deno'} RuntimeName */

/** @type {RuntimeName[]} */
export const RUNTIMES = ['node', 'bun', 'deno'];

const INSTALLED = new URL('../test/runtimes/node_modules/.bin/', import.meta.url);

/** @param {RuntimeName} runtime @returns {string} Path of its binary. */
export function binaryOf(runtime) {
  return runtime === 'node' ? process.execPath : fileURLToPath(new URL(runtime, INSTALLED));
}

/** @param {RuntimeName} runtime @returns {string | null} Why it cannot run here, or null. */
export function missingRuntime(runtime) {
  const binary = binaryOf(runtime);
  return existsSync(binary) ? null : `${binary} does not exist: run \`npm test\`, which installs it, first`;
}

/** @param {RuntimeName} runtime @returns {string} As it prints it itself. */
export function versionOf(runtime) {
  if (runtime === 'node') return process.version;
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

/** Shows a runtime's name as its makers write it. @type {Record<RuntimeName, string>} */
export const TITLES = { node: 'Node', bun: 'Bun', deno: 'Deno' };
