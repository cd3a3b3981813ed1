// The hooks of crossws over a server of wasock, with a plain route on the same port; SIGTERM closes both in order:
//
//     node server.mjs [port]

import process from 'node:process';
import { serve } from 'crossws/server';
import { WebSocketServer } from 'wasock';

// crossws answers subprotocols in its 'upgrade' hook, so the server selects none.
const wss = new WebSocketServer({ noServer: true, handleProtocols: () => false });

const server = serve({
  hostname: '127.0.0.1',
  port: Number(process.argv[2] ?? 8080),
  silent: true,
  gracefulShutdown: false,
  fetch: () => new Response('The echo is at /echo.'),
  websocket: {
    upgrade: (request) => (new URL(request.url).pathname === '/echo' ? {} : new Response('Not found', { status: 404 })),
    message: (peer, message) => peer.send(message.rawData),
    options: { node: { wss } },
  },
});
await server.ready();
console.log(`Listening on ${server.url}`);

async function stop() {
  await wss.shutdown({ timeout: 10_000 });
  await server.close(true);
}
process.once('SIGTERM', () => void stop());
