// Start under test, a child process of run.mjs: time from importing the library to the first echo in this very process.

import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { module: { type: 'string', default: 'ws' } } });

const began = performance.now();
/** @type {{ WebSocket: typeof import('ws').WebSocket, WebSocketServer: typeof import('ws').WebSocketServer }} */
const { WebSocket, WebSocketServer } = await import(values.module);
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
server.on('connection', (peer) => peer.on('message', (data, isBinary) => peer.send(data, { binary: isBinary })));
server.on('listening', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const client = new WebSocket(`ws://127.0.0.1:${port}/`, { perMessageDeflate: false });
  client.on('open', () => client.send('first'));
  client.on('message', () => {
    const milliseconds = performance.now() - began;
    process.stdout.write(`${JSON.stringify({ event: 'result', milliseconds })}\n`, () => process.exit(0));
  });
});
