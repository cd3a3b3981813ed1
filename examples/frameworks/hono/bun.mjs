// Hono on Bun with a plain route and a WebSocket on one port; SIGTERM closes both in order:
//
//     bun bun.mjs [port]

import { Hono } from 'hono';
import { Gate, upgrade, websocket } from 'wasock/bun';

const gate = new Gate();

const app = new Hono();
app.get('/', (c) => c.text('The echo is at /echo.'));

// The second argument of `app.fetch` is `c.env`: here the server of Bun.
app.get('/echo', (c) => {
  // If the request is not a valid upgrade, there is no socket, and the response explains the reason.
  const { response, socket } = upgrade(c.req.raw, c.env, { gate });
  socket?.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  // Hono needs a response. Bun ignores it after an upgrade.
  return response ?? c.body(null);
});

const server = Bun.serve({ hostname: '127.0.0.1', port: Number(process.argv[2] ?? 8080), fetch: app.fetch, websocket });
console.log(`Listening on ${server.url}`);

async function stop() {
  await gate.shutdown({ timeout: 10_000 });
  await server.stop();
}
process.once('SIGTERM', () => void stop());
