// The package in the hands of other tools: `npm run test:packaging`. Apart from the suite, since it installs them first.

import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { SECOND_TRY } from '../tools/second-try.ts';

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  test: {
    include: ['*.test.mjs'],
    globalSetup: ['setup.mjs'],
    pool: 'forks',
    retry: SECOND_TRY,
    maxWorkers: '100%',
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
