// h3 with a plain route and a WebSocket on one port; SIGTERM closes both in order:
//
//     node server.mjs [port]

import process from 'node:process';
import { plugin as webSockets } from 'crossws/server';
import { defineWebSocketHandler, H3, serve } from 'h3';
import { WebSocketServer } from 'wasock';

const app = new H3()
  .get('/', () => 'The echo is at /echo.')
  .get('/echo', defineWebSocketHandler({ message: (peer, message) => peer.send(message.rawData) }));

// Without this, crossws accepts WebSockets for routes that have none, too.
const refusal = { upgrade: () => new Response('There is no WebSocket here.', { status: 404 }) };
const resolve = async (request) => (await app.fetch(request)).crossws ?? refusal;

// crossws, which h3 uses, answers subprotocols in its 'upgrade' hook, so the server selects none.
const wss = new WebSocketServer({ noServer: true, handleProtocols: () => false });

const server = serve(app, {
  hostname: '127.0.0.1',
  port: Number(process.argv[2] ?? 8080),
  silent: true,
  gracefulShutdown: false,
  plugins: [webSockets({ resolve, options: { node: { wss } } })],
});
await server.ready();
console.log(`Listening on ${server.url}`);

async function stop() {
  await wss.shutdown({ timeout: 10_000 });
  await server.close(true);
}
process.once('SIGTERM', () => void stop());
