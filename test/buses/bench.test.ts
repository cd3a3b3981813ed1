// The benchmark of topics runs: each library delivers each message, and every figure is there.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';

interface Result {
  readonly scenario: { readonly name: string };
  readonly figure: string;
  readonly implementations: Record<string, { readonly value: { readonly median: number } | null }>;
}

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const hasBun = existsSync(join(ROOT, 'test/runtimes/node_modules/.bin/bun'));

const SERVERS = ['wasock', 'wasock, history', 'socket.io'];
const COUNTS = ['100', '1000', '10000', '100000'];
const EXPECTED: Record<string, readonly string[]> = {
  'process-500x16 ': [...SERVERS, 'ws, loop'],
  ...(hasBun && { 'bun-500x16 ': ['wasock on Bun', 'wasock in Bun.serve', 'Bun.serve'] }),
  'redis-4x100 ': [...SERVERS, 'crossws'],
  'latency-process p50': [...SERVERS, 'ws, loop'],
  'latency-process p99': [...SERVERS, 'ws, loop'],
  'latency-redis p50': [...SERVERS, 'crossws'],
  'latency-redis p99': [...SERVERS, 'crossws'],
  'memory-own heap': ['wasock', 'socket.io'],
  'memory-own resident memory': ['wasock', 'socket.io'],
  'cost-topics ': COUNTS,
  'cost-patterns ': COUNTS,
};

test('the benchmark of topics measures every library', { timeout: 600_000 }, async () => {
  const output = await mkdtemp(join(tmpdir(), 'wasock-bench-topics-'));
  onTestFinished(() => rm(output, { recursive: true, force: true }));
  await run('npm', ['ci', '--prefix', 'bench/topics', '--no-audit', '--no-fund'], { cwd: ROOT });
  const { stdout } = await run(process.execPath, ['bench/topics/run.mjs', '--quick', '--output', output], { cwd: ROOT });
  expect(stdout).toContain('| measurement | library |');
  const { results } = JSON.parse(await readFile(join(output, 'quick-topics.json'), 'utf8')) as { results: readonly Result[] };
  const measured = results.map(({ figure, implementations, scenario }) => [
    `${scenario.name} ${figure}`,
    Object.keys(implementations).filter((name) => implementations[name].value!.median > 0),
  ]);
  expect(Object.fromEntries(measured)).toEqual(EXPECTED);
  expect(await readFile(join(output, 'quick-topics.md'), 'utf8')).toContain('socket.io');
});
