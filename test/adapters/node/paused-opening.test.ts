// What a program gets that pauses at once, over real sockets on Node.js.

import * as entry from '../../../adapters/node/index.ts';
import { describePausedOpening } from '../../support/paused-opening.ts';

describePausedOpening('Node.js', entry);
