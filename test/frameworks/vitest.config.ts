// Frameworks with a WebSocket of wasock, as examples/frameworks/ shows them: `npm run test:frameworks`.

import type { ViteUserConfig } from 'vitest/config';
import { separateSuite } from '../tools/separate-suite.ts';

const config: ViteUserConfig = separateSuite(import.meta.url, { globalSetup: ['./set-up.ts'], maxWorkers: '100%' });
export default config;
