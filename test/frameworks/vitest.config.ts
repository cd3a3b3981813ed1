// Frameworks with a WebSocket of wasock, as examples/frameworks/ shows them: `npm run test:frameworks`. Apart from the suite, since they must be installed.

import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { PATIENCE } from '../support/patience.ts';
import { SECOND_TRY } from '../tools/second-try.ts';

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  test: {
    include: ['*.test.ts'],
    globalSetup: ['./set-up.ts'],
    pool: 'forks',
    retry: SECOND_TRY,
    maxWorkers: '100%',
    testTimeout: 2 * PATIENCE,
    hookTimeout: 2 * PATIENCE,
    expect: { poll: { timeout: PATIENCE, interval: 5 } },
  },
});
