// Elysia on Bun with a plain route and a WebSocket on one port; SIGTERM closes both in order:
//
//     bun server.mjs [port]

import { Elysia } from 'elysia';
import { websocket as ofElysia } from 'elysia/ws';
import { Gate, upgrade, websocket } from 'wasock/bun';

const gate = new Gate();

const app = new Elysia()
  .get('/', () => 'The echo is at /echo.')
  .get('/echo', ({ request, server }) => {
    // If the request is not a valid upgrade, there is no socket, and the response explains the reason.
    const { response, socket } = upgrade(request, server, { gate });
    socket?.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    return response;
  })
  .ws('/elysia', { message: (ws, message) => ws.send(message) });

// `websocket` passes the events of routes like /elysia on to the handlers of Elysia.
app.listen({ hostname: '127.0.0.1', port: Number(process.argv[2] ?? 8080), websocket: websocket(ofElysia) }, ({ url }) =>
  console.log(`Listening on ${url}`),
);

async function stop() {
  await gate.shutdown({ reason: 'The server is stopping', timeout: 10_000 });
  await app.stop(true);
}
process.once('SIGTERM', () => void stop());
