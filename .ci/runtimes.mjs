// Runs the suite on the machine's own Node.js and on every runtime of the table below, one after the other: `npm test`.
// A runtime that cannot be run fails the command: a leg that is skipped in silence tests nothing.
//
// Paths, such as `test/contract/`, run these tests alone. `--only <name>,<name>` runs these legs alone; `--reports <folder>` also leaves vitest's JSON report of each leg there.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const INSTALLED = join(ROOT, 'test/runtimes');
const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs');

/** The tests for further versions of Node.js: not those of tools, bundles and other runtimes' sockets. */
const ENGINE = ['unit', 'contract', 'counts', 'conformance', 'fuzz', 'compat', 'oracle', 'adapters/node'].map(
  (folder) => `test/${folder}/`,
);

/**
 * `binary` is a file in test/runtimes/node_modules (none: the Node.js that runs this), `package` what pins it, `before` what stands
 * between it and vitest's file, `after` behind `run`. The version that it prints must contain the pinned one: the report must not
 * name a runtime that did not run.
 */
const LEGS = [
  { name: 'node', before: [], after: [] },
  { name: 'node-24', package: 'node-24', binary: 'node-24/bin/node', before: [], after: ENGINE },
  { name: 'node-26', package: 'node-26', binary: 'node-26/bin/node', before: [], after: ENGINE },
  { name: 'deno', package: 'deno', binary: '.bin/deno', before: ['run', '-A'], after: [] },
  { name: 'bun', package: 'bun', binary: '.bin/bun', before: ['--bun'], after: ['--pool=threads'] },
];

const { positionals, values } = parseArgs({
  options: { reports: { type: 'string' }, only: { type: 'string' } },
  allowPositionals: true,
});
const only = values.only?.split(',');
const unknown = only?.filter((name) => !LEGS.some((leg) => leg.name === name)) ?? [];
if (unknown.length > 0)
  throw new Error(`No such leg: ${unknown.join(', ')}. There are ${LEGS.map(({ name }) => name).join(', ')}`);

const { dependencies: pins } = JSON.parse(readFileSync(join(INSTALLED, 'package.json'), 'utf8'));

/** The version of a package that test/runtimes/package.json asks for. */
function pinOf(name) {
  return pins[name].slice(pins[name].lastIndexOf('@') + 1);
}

/** Whether everything is there in the version that test/runtimes/package.json pins. */
function areInstalled() {
  return Object.keys(pins).every((name) => {
    const manifest = join(INSTALLED, 'node_modules', name, 'package.json');
    return existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).version === pinOf(name);
  });
}

/** Runs the suite on one runtime. Returns why it failed, or undefined. */
function runSuite(leg) {
  const binary = leg.binary === undefined ? process.execPath : join(INSTALLED, 'node_modules', leg.binary);
  if (!existsSync(binary)) return 'is not installed';
  const version = execFileSync(binary, ['--version'], { encoding: 'utf8' }).trim().split('\n')[0];
  if (leg.package !== undefined && !version.includes(pinOf(leg.package))) return `is ${version}, not ${pinOf(leg.package)}`;
  console.log(`\n=== ${leg.name}: ${version} ===`);
  const reporters = values.reports
    ? ['--reporter=default', '--reporter=json', `--outputFile.json=${join(values.reports, `${leg.name}.json`)}`]
    : [];
  // Folders that a leg names are in place of all tests, as those of the command line are.
  const after = positionals.length > 0 ? leg.after.filter((argument) => argument.startsWith('-')) : leg.after;
  const args = [...leg.before, VITEST, 'run', ...after, ...positionals, ...reporters];
  const { status, signal, error } = spawnSync(binary, args, { cwd: ROOT, stdio: 'inherit' });
  if (error) return `could not be started: ${error.message}`;
  if (signal) return `was ended by ${signal}`;
  return status === 0 ? undefined : `failed (exit code ${status})`;
}

if (!areInstalled()) {
  console.log('Installing the runtimes of test/runtimes/package.json');
  spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: INSTALLED, stdio: 'inherit' });
}
const legs = LEGS.filter(({ name }) => only === undefined || only.includes(name));
const failures = legs.map((leg) => ({ leg, reason: runSuite(leg) })).filter(({ reason }) => reason);
console.log(`\n${legs.length - failures.length} of ${legs.length} runtimes pass the suite`);
for (const { leg, reason } of failures) console.error(`${leg.name} ${reason}`);
process.exitCode = failures.length === 0 ? 0 : 1;
