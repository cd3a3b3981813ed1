// Settings of the suites that run apart from `npm test`, since they need programs that must be installed first.

import { fileURLToPath } from 'node:url';
import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { PATIENCE } from '../support/patience.ts';
import { SECOND_TRY } from './second-try.ts';

/** @param config The URL of the suite's vitest.config.ts, whose folder holds the tests. */
export function separateSuite(config: string, more: ViteUserConfig['test'] = {}): ViteUserConfig {
  return defineConfig({
    root: fileURLToPath(new URL('.', config)),
    test: {
      include: ['*.test.ts'],
      pool: 'forks',
      retry: SECOND_TRY,
      testTimeout: 2 * PATIENCE,
      hookTimeout: 2 * PATIENCE,
      expect: { poll: { timeout: PATIENCE, interval: 5 } },
      ...more,
    },
  });
}
