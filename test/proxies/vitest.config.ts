// Proxies from Debian packages, in front of our server and of our clients, and a network of namespaces: `npm run test:proxies`. Apart from the suite, since they must be installed, and namespaces need root.

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
    testTimeout: 2 * PATIENCE,
    hookTimeout: 2 * PATIENCE,
    expect: { poll: { timeout: PATIENCE, interval: 5 } },
  },
});
