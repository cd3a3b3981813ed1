// The helpers of the W3C entry point over real sockets: with our class, and with Deno's own.

import * as helpers from '../../../adapters/deno/w3c.ts';
import { ContractScript } from '../../contract/script.ts';
import { describeHelpers, type HelpedSocket } from '../../support/w3c-helpers.ts';
import { denoPair } from './peers.ts';

const createServer = () => denoPair({ name: 'helpers' }).createServer({ script: new ContractScript() });

describeHelpers({ name: 'our class', helpers, create: (url) => new helpers.WebSocket(url), createServer });
describeHelpers({
  name: "Deno's own class",
  helpers,
  create: (url): HelpedSocket => new globalThis.WebSocket(url),
  createServer,
});
