// A Hono app with a plain route and a WebSocket. `upgrade` takes a request and gives a response where the runtime has that shape, so
// this one file is served by Deno, and, bundled as ../worker/worker.mjs is, by workerd:
//
//     deno serve --host 127.0.0.1 --port 8080 app.mjs

import { Hono } from 'hono';
import { upgrade } from 'wasock/w3c';

const app = new Hono();

app.get('/', (c) => c.text('The echo is at /echo.'));

app.get('/echo', (c) => {
  if (c.req.header('upgrade')?.toLowerCase() !== 'websocket') return c.text('Open a WebSocket here.', 426);
  const { response, socket } = upgrade(c.req.raw);
  if (socket === null) return response;
  socket.binaryType = 'arraybuffer';
  socket.addEventListener('message', ({ data }) => socket.send(data));
  return response;
});

export default app;
