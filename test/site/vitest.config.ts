// The documentation site in Chromium: `npm run test:site`. Apart from the suite, since it builds the site first.

import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { SECOND_TRY } from '../tools/second-try.ts';

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  test: { include: ['*.test.ts'], pool: 'forks', retry: SECOND_TRY, testTimeout: 300_000, hookTimeout: 120_000 },
});
