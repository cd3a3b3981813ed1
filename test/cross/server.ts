// The server of the contract as a program: `node server.mjs '{"perMessageDeflate":true}'`. The argument has options of WebSocketServer.
// Bundled once for each runtime's adapter (test/support/spawned-server.ts), which takes the place of the one import of an adapter.
// Writes its URL as a line, and ends when its standard input does.

import type { AddressInfo } from 'node:net';
import { WebSocketServer } from '../../adapters/node/index.ts';
import { ContractScript, type ServerRequest, type ServerSocket } from '../contract/script.ts';

const script = new ContractScript();
const server = new WebSocketServer({
  port: 0,
  host: '127.0.0.1',
  ...(JSON.parse(process.argv[2] ?? '{}') as object),
  verifyClient: ({ req }: { req: ServerRequest }) => script.verify(req),
  handleProtocols: (offered: Set<string>) => script.chooseProtocol(offered),
});
server.on('connection', (ws, request) => script.accept(ws as unknown as ServerSocket, request as ServerRequest));
server.on('listening', () => console.log(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`));
process.stdin.on('end', () => process.exit());
process.stdin.resume();
