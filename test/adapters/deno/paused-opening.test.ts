// What a program gets that pauses at once, over real sockets on Deno.

import * as entry from '../../../adapters/deno/index.ts';
import { describePausedOpening } from '../../support/paused-opening.ts';

describePausedOpening('Deno', entry);
