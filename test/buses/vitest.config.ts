// Buses of topics over engines from Debian packages: `npm run test:buses`. Apart from the suite, since they must be installed.

import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { PATIENCE } from '../support/patience.ts';
import { SECOND_TRY } from '../tools/second-try.ts';

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  test: {
    include: ['*.test.ts'],
    pool: 'forks',
    retry: SECOND_TRY,
    // The tests wait for engines most of the time.
    maxWorkers: '100%',
    testTimeout: 2 * PATIENCE,
    hookTimeout: 2 * PATIENCE,
    expect: { poll: { timeout: PATIENCE, interval: 5 } },
  },
});
