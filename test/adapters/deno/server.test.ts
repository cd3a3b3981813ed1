// Hooks, wrappers and memory of the ws-style server on Deno.

import * as entry from '../../../adapters/deno/index.ts';
import { describeReleased } from '../../support/released.ts';
import { describeServerHooks } from '../../support/server-hooks.ts';
import { describeHandles, describeInternals } from '../../support/internals.ts';
import { describeWrappedServer } from '../../support/server-wrapped.ts';

describeServerHooks('Deno', entry);
describeWrappedServer('Deno', entry);
describeReleased('Deno', entry);
describeInternals('Deno', entry);
describeHandles('Deno', entry);
