// Runs the attacks of test/attacks/, and writes their costs to test/attacks/recorded.json and into docs/security.md: `npm run attacks`.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FILES = ['frames', 'connections', 'requests'].map((name) => `test/attacks/${name}.test.ts`);
const folder = mkdtempSync(join(tmpdir(), 'wasock-attacks-'));
const record = join(folder, 'costs.jsonl');

function vitest(...args) {
  // One file at a time: an attack must not take the time of another.
  const run = ['node_modules/vitest/vitest.mjs', 'run', '--no-file-parallelism', ...args];
  return spawnSync(process.execPath, run, { cwd: ROOT, stdio: 'inherit', env: { ...process.env, RECORD_ATTACKS: record } })
    .status;
}

try {
  process.exitCode = vitest(...FILES);
  if (!existsSync(record)) throw new Error('No attack was measured');
  const lines = readFileSync(record, 'utf8').trim().split('\n');
  const costs = lines.map((line) => JSON.parse(line)).filter(({ runtime }) => runtime !== 'node');
  writeFileSync(join(ROOT, 'test/attacks/recorded.json'), `[\n${costs.map((one) => JSON.stringify(one)).join(',\n')}\n]\n`);
  vitest('test/docs.test.ts', '-u', '-t', 'up to date');
} finally {
  rmSync(folder, { recursive: true });
}
