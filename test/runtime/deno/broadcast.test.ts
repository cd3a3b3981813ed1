// `broadcast` over real sockets on Deno.

import * as entry from '../../../adapters/deno/index.ts';
import { describeBroadcast, type BroadcastModule } from '../../support/broadcast.ts';

describeBroadcast('Deno', entry as unknown as BroadcastModule);
