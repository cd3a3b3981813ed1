// Buses of topics over engines from Debian packages: `npm run test:buses`.

import type { ViteUserConfig } from 'vitest/config';
import { separateSuite } from '../tools/separate-suite.ts';

// The tests wait for engines most of the time.
const config: ViteUserConfig = separateSuite(import.meta.url, { maxWorkers: '100%' });
export default config;
