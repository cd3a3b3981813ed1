// Hooks and wrappers of the ws-style server on Deno.

import * as entry from '../../../adapters/deno/index.ts';
import { describeServerHooks } from '../../support/server-hooks.ts';
import { describeWrappedServer } from '../../support/server-wrapped.ts';

describeServerHooks('Deno', entry);
describeWrappedServer('Deno', entry);
