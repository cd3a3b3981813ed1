// Hooks, wrappers and memory of the ws-style server on Bun.

import * as entry from '../../../adapters/bun/index.ts';
import { describeReleased } from '../../support/released.ts';
import { describeServerHooks } from '../../support/server-hooks.ts';
import { describeHandles, describeInternals } from '../../support/internals.ts';
import { describeWrappedServer } from '../../support/server-wrapped.ts';

describeServerHooks('Bun', entry);
describeWrappedServer('Bun', entry);
describeReleased('Bun', entry);
describeInternals('Bun', entry);
describeHandles('Bun', entry);
