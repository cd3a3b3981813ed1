// One suite for every runtime. Forks rather than threads: a test may read process-wide state (open handles, exit codes).
//
// Node.js runs everything but the folders of Deno and Bun. Those run their own folder, the contract, the core beneath it, and the
// facades that run on any runtime; the rest holds Node.js's modules or other libraries against ours.

import { defineConfig } from 'vitest/config';
import { PATIENCE } from './test/support/patience.ts';
import { SECOND_TRY } from './test/tools/second-try.ts';

const runtime = 'Deno' in globalThis ? 'deno' : 'Bun' in globalThis ? 'bun' : 'node';
const folders = [
  'attacks/injection',
  'contract',
  'counts',
  'conformance/w3c',
  'compat/fibjs',
  'compat/jsh',
  ...[
    'assembly',
    'base',
    'codec',
    'deflate',
    'protocol',
    'reconnecting',
    'testing',
    'topics',
    'native',
    'nodejs/lowlevel',
    `adapters/${runtime}`,
  ].map((name) => `unit/${name}`),
  `adapters/${runtime}`,
];
const others = ['deno', 'bun'].filter((name) => name !== runtime);

export default defineConfig({
  test: {
    include:
      runtime === 'node'
        ? ['test/**/*.test.ts']
        : ['test/unit/*.test.ts', ...folders.map((folder) => `test/${folder}/**/*.test.ts`)],
    exclude: [
      '**/node_modules/**',
      'test/packaging/**',
      'test/proxies/**',
      'test/buses/**',
      'test/frameworks/**',
      'test/site/**',
      ...others.map((name) => `test/adapters/${name}/**`),
    ],
    setupFiles: ['test/tools/fast-paths.ts'],
    globalSetup: ['test/tools/global-setup.ts'],
    pool: 'forks',
    retry: SECOND_TRY,
    // vitest leaves a core to itself otherwise, half of a small machine, and hardly uses it.
    maxWorkers: '100%',
    // Only a test that hangs takes as long: times that a test asserts are its own.
    testTimeout: 2 * PATIENCE,
    hookTimeout: 2 * PATIENCE,
    teardownTimeout: PATIENCE,
    expect: { poll: { timeout: PATIENCE, interval: 5 } },
  },
});
