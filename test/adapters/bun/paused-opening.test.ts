// What a program gets that pauses at once, over real sockets on Bun.

import * as entry from '../../../adapters/bun/index.ts';
import { describePausedOpening } from '../../support/paused-opening.ts';

describePausedOpening('Bun', entry);
