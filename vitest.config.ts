// One suite for every runtime. Forks rather than threads: a test may read process-wide state (open handles, exit codes).
//
// Node.js runs everything but the folders of the other runtimes. Those run their own folder, the contract, and what is below it:
// the rest would try Node.js's modules, not ours.

import { defineConfig } from 'vitest/config';

const OTHERS = ['deno', 'bun'];
const runtime = 'Deno' in globalThis ? 'deno' : 'Bun' in globalThis ? 'bun' : 'node';
const own =
  runtime === 'node'
    ? ['test/**/*.test.ts']
    : ['unit', 'contract', `runtime/${runtime}`].map((folder) => `test/${folder}/**/*.test.ts`);

export default defineConfig({
  test: {
    include: own,
    exclude: ['**/node_modules/**', ...OTHERS.filter((name) => name !== runtime).map((name) => `test/runtime/${name}/**`)],
    globalSetup: ['test/tools/global-setup.ts'],
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 30_000,
    teardownTimeout: 10_000,
  },
});
