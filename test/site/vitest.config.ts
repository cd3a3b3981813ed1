// The documentation site in Chromium: `npm run test:site`. It builds the site first.

import type { ViteUserConfig } from 'vitest/config';
import { separateSuite } from '../tools/separate-suite.ts';

const config: ViteUserConfig = separateSuite(import.meta.url, { testTimeout: 300_000 });
export default config;
