// Hono in a worker for workerd, the runtime of Cloudflare Workers, with a plain route and a WebSocket. Bundle and start it as examples/worker/worker.mjs.

import { Hono } from 'hono';
import { upgrade } from 'wasock/edge/w3c';

const app = new Hono();
app.get('/', (c) => c.text('The echo is at /echo.'));

app.get('/echo', (c) => {
  // If the request is not a valid upgrade, there is no socket, and the response explains the reason.
  const { response, socket } = upgrade(c.req.raw);
  if (socket === null) return response;
  socket.binaryType = 'arraybuffer';
  socket.addEventListener('message', ({ data }) => socket.send(data));
  return response;
});

export default app;
