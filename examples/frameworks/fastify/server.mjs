// Fastify with a plain route and a WebSocket endpoint on one port; Ctrl-C and SIGTERM close both in order:
//
//     node server.mjs [port]

import process from 'node:process';
import Fastify from 'fastify';
import { WebSocketServer } from 'wasock';

// Without this, a client that has sent half a request keeps `app.close()` waiting.
const app = Fastify({ forceCloseConnections: true });
app.get('/', () => ({ webSocket: '/echo', clients: echo.clients.size }));

// It accepts upgrades of this path, and answers all others with 400.
const echo = new WebSocketServer({ server: app.server, path: '/echo' });
echo.on('connection', (ws) => {
  ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
  // Optional, for the log. If a peer breaks the protocol, the connection closes by itself.
  ws.on('error', (error) => console.error(error.message));
});

// Fastify waits for open sockets, so close them first.
app.addHook('preClose', async () => {
  await echo.shutdown({ reason: 'The server is stopping', timeout: 10_000 });
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void app.close());

console.log(`Listening on ${await app.listen({ host: '127.0.0.1', port: Number(process.argv[2] ?? 8080) })}/`);
