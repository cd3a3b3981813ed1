// Runs the whole suite on every runtime of the table below, one after the other. `npm run test:runtimes`.
// A runtime that cannot be run fails the command: a leg that is skipped in silence tests nothing.
//
// `--reports <folder>` also leaves vitest's JSON report of each runtime there.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const INSTALLED = join(ROOT, 'test/runtimes');
const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs');

/**
 * `binary` is a file in test/runtimes/node_modules, `before` what stands between it and vitest's file, `after` behind `run`, and
 * `version` prints the runtime's version, which has to start with `expected`: the report must not lie about what ran.
 */
const RUNTIMES = [
  { name: 'node-24', binary: 'node-24/bin/node', before: [], after: ['--pool=forks'], version: ['--version'] },
  { name: 'node-26', binary: 'node-26/bin/node', before: [], after: ['--pool=forks'], version: ['--version'] },
];

const { values } = parseArgs({ options: { reports: { type: 'string' } } });

/** Where the binary of a runtime is. */
function binaryOf(runtime) {
  return join(INSTALLED, 'node_modules', runtime.binary);
}

/** Whether every runtime is there in the version that test/runtimes/package.json pins. */
function areInstalled() {
  const { dependencies } = JSON.parse(readFileSync(join(INSTALLED, 'package.json'), 'utf8'));
  return RUNTIMES.every((runtime) => {
    const manifest = join(INSTALLED, 'node_modules', runtime.name, 'package.json');
    if (!existsSync(manifest) || !existsSync(binaryOf(runtime))) return false;
    return dependencies[runtime.name].endsWith(`@${JSON.parse(readFileSync(manifest, 'utf8')).version}`);
  });
}

/** Runs the suite on one runtime. Returns why it failed, or undefined. */
function runSuite(runtime) {
  const binary = binaryOf(runtime);
  if (!existsSync(binary)) return 'is not installed';
  const version = execFileSync(binary, runtime.version, { encoding: 'utf8' }).trim();
  console.log(`\n=== ${runtime.name}: ${version} ===`);
  const reporters = values.reports
    ? ['--reporter=default', '--reporter=json', `--outputFile.json=${join(values.reports, `${runtime.name}.json`)}`]
    : [];
  const args = [...runtime.before, VITEST, 'run', ...runtime.after, ...reporters];
  const { status, signal, error } = spawnSync(binary, args, { cwd: ROOT, stdio: 'inherit' });
  if (error) return `could not be started: ${error.message}`;
  if (signal) return `was ended by ${signal}`;
  return status === 0 ? undefined : `failed (exit code ${status})`;
}

if (!areInstalled()) {
  console.log('Installing the runtimes of test/runtimes/package.json');
  spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: INSTALLED, stdio: 'inherit' });
}
const failures = RUNTIMES.map((runtime) => ({ runtime, reason: runSuite(runtime) })).filter(({ reason }) => reason);
console.log(`\n${RUNTIMES.length - failures.length} of ${RUNTIMES.length} runtimes pass the suite`);
for (const { runtime, reason } of failures) console.error(`${runtime.name} ${reason}`);
process.exitCode = failures.length === 0 ? 0 : 1;
