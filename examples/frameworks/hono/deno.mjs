// Hono on Deno with a plain route and a WebSocket on one port; SIGTERM closes both in order:
//
//     deno run --allow-net=127.0.0.1 deno.mjs [port]

import { Hono } from 'hono';
import { Gate, upgrade } from 'wasock/deno';

const gate = new Gate();

const app = new Hono();
app.get('/', (c) => c.text('The echo is at /echo.'));

app.get('/echo', (c) => {
  // If the request is not a valid upgrade, there is no socket, and the response explains the reason.
  const { response, socket } = upgrade(c.req.raw, { gate });
  socket?.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  return response;
});

const server = Deno.serve({ hostname: '127.0.0.1', port: Number(Deno.args[0] ?? 8080), onListen }, app.fetch);

function onListen({ hostname, port }) {
  console.log(`Listening on http://${hostname}:${port}/`);
}

Deno.addSignalListener('SIGTERM', async () => {
  await gate.shutdown({ timeout: 10_000 });
  await server.shutdown();
});
