// `broadcast` over real sockets on Bun.

import * as entry from '../../../adapters/bun/index.ts';
import { describeBroadcast } from '../../support/broadcast.ts';

describeBroadcast('Bun', entry);
