// `broadcast` over real sockets on Deno.

import * as entry from '../../../adapters/deno/index.ts';
import { describeBroadcast } from '../../support/broadcast.ts';

describeBroadcast('Deno', entry);
