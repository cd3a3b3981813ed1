// `broadcast` over real sockets on Node.js.

import * as entry from '../../../adapters/node/index.ts';
import { describeBroadcast } from '../../support/broadcast.ts';

describeBroadcast('Node.js', entry);
