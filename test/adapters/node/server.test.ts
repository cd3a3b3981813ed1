// Hooks, wrappers and memory of the ws-style server on Node.js.

import * as entry from '../../../adapters/node/index.ts';
import { describeReleased } from '../../support/released.ts';
import { describeServerHooks } from '../../support/server-hooks.ts';
import { describeHandles, describeInternals } from '../../support/internals.ts';
import { describeWrappedServer } from '../../support/server-wrapped.ts';

describeServerHooks('Node.js', entry);
describeWrappedServer('Node.js', entry);
describeReleased('Node.js', entry);
describeInternals('Node.js', entry);
describeHandles('Node.js', entry);
