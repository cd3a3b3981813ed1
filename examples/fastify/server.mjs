// Fastify with a plain route and a WebSocket endpoint on one port; Ctrl-C closes both in order:
//
//     node server.mjs [port]

import process from 'node:process';
import Fastify from 'fastify';
import { WebSocketServer } from 'wasock';

const app = Fastify();
app.get('/', () => ({ webSocket: '/echo', clients: echo.clients.size }));

// It takes the upgrades of this path; those of others are answered with 400.
const echo = new WebSocketServer({ server: app.server, path: '/echo' });
echo.on('connection', (ws) => {
  ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
  // A peer that breaks the protocol: the connection closes by itself, but an error that nobody hears ends the process.
  ws.on('error', (error) => console.error(error.message));
});

// A server waits for its open sockets, so they are told to close first.
app.addHook('preClose', () => {
  for (const ws of echo.clients) ws.close(1001, 'The server is stopping');
});
process.once('SIGINT', () => void app.close());

console.log(`Listening on ${await app.listen({ host: '127.0.0.1', port: Number(process.argv[2] ?? 8080) })}/`);
