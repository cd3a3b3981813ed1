// The helpers of the W3C entry point over real sockets: with our class, and with Bun's own.

import * as helpers from '../../../adapters/bun/w3c.ts';
import { ContractScript } from '../../contract/script.ts';
import { describeHelpers, type HelpedSocket } from '../../support/w3c-helpers.ts';
import { bunServer } from './peers.ts';

const createServer = () => bunServer.createServer({ script: new ContractScript() });

describeHelpers({ name: 'our class', helpers, create: (url) => new helpers.WebSocket(url), createServer });
describeHelpers({
  name: "Bun's own class",
  helpers,
  create: (url): HelpedSocket => new globalThis.WebSocket(url),
  createServer,
});
