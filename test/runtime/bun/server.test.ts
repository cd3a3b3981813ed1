// Hooks and wrappers of the ws-style server on Bun.

import * as entry from '../../../adapters/bun/index.ts';
import { describeServerHooks } from '../../support/server-hooks.ts';
import { describeWrappedServer } from '../../support/server-wrapped.ts';

describeServerHooks('Bun', entry);
describeWrappedServer('Bun', entry);
