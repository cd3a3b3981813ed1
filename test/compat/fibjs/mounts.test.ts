// The fibjs facade over Node.js's modules, on each runtime that has them. Deno and Bun have more ways: see test/adapters.

import fibjs from '../../../src/compat/fibjs/index.ts';
import { describeMounts } from './mounts.ts';

describeMounts({ fibjs });
