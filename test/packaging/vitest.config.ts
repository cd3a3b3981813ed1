// The package in the hands of other tools: `npm run test:packaging`. It installs them first.

import type { ViteUserConfig } from 'vitest/config';
import { separateSuite } from '../tools/separate-suite.ts';

const config: ViteUserConfig = separateSuite(import.meta.url, {
  include: ['*.test.mjs'],
  globalSetup: ['setup.mjs'],
  maxWorkers: '100%',
  testTimeout: 300_000,
  hookTimeout: 300_000,
});
export default config;
