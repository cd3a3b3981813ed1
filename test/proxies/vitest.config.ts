// Proxies from Debian packages, in front of our server and of our clients, and a network of namespaces, which needs root: `npm run test:proxies`.

import type { ViteUserConfig } from 'vitest/config';
import { separateSuite } from '../tools/separate-suite.ts';

const config: ViteUserConfig = separateSuite(import.meta.url);
export default config;
