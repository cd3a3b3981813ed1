// Next.js with a custom server: its pages, and a WebSocket endpoint on the same port. SIGTERM closes both in order:
//
//     next build && NODE_ENV=production node server.mjs [port]
//     node server.mjs [port]                       for development, with reloads

import { createServer } from 'node:http';
import process from 'node:process';
import next from 'next';
import { WebSocketServer } from 'wasock';

const dev = process.env.NODE_ENV !== 'production';
const http = createServer();

// Next.js adds an 'upgrade' listener to the server of this option, and ends every socket whose path is a page, a catch-all route included.
// So it gets a server that never listens, and the listener below decides alone.
const serverOfNext = createServer();
const app = next({ dev, dir: import.meta.dirname, httpServer: serverOfNext });
await app.prepare();
http.on('request', app.getRequestHandler());

const echo = new WebSocketServer({ noServer: true });
echo.on('connection', (ws) => {
  ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
  // Optional, for the log. If a peer breaks the protocol, the connection closes by itself.
  ws.on('error', (error) => console.error(error.message));
});

http.on('upgrade', (request, socket, head) => {
  const path = request.url.split('?', 1)[0];
  if (path === '/echo') {
    echo.handleUpgrade(request, socket, head, (ws) => echo.emit('connection', ws, request));
    return;
  }
  // Pages reload through a WebSocket of Next.js in development. It listens after its first request.
  const isReload = dev && path.startsWith('/_next/') && serverOfNext.emit('upgrade', request, socket, head);
  if (!isReload) {
    socket.on('error', () => socket.destroy());
    // A client need not close its side, and the HTTP server no longer knows the socket.
    socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n', () => socket.destroy());
  }
});

http.listen(Number(process.argv[2] ?? 3000), '127.0.0.1', () => {
  console.log(`Listening on http://127.0.0.1:${http.address().port}/`);
});

async function stop() {
  http.close();
  await echo.shutdown({ timeout: 10_000 });
  await app.close();
  // The watchers of files in development stay after `close()`.
  process.exit();
}
process.once('SIGTERM', () => void stop());
