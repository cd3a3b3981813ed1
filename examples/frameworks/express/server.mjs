// Express with plain routes and two WebSocket endpoints on one port, told apart by their path; SIGTERM closes all of it in order:
//
//     node server.mjs [port]

import process from 'node:process';
import express from 'express';
import { WebSocket, WebSocketServer } from 'wasock';

const app = express();
app.get('/', (request, response) => response.send('WebSockets: /echo and /chat'));

const echo = new WebSocketServer({ noServer: true });
echo.on('connection', (ws) => {
  ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
});

// Each message goes to all other clients. A message has at most 4 KiB.
const chat = new WebSocketServer({ noServer: true, maxPayload: 4096 });
chat.on('connection', (ws) => {
  ws.on('message', (data, isBinary) => {
    for (const other of chat.clients) {
      if (other !== ws && other.readyState === WebSocket.OPEN) other.send(data, { binary: isBinary });
    }
  });
});
app.get('/people', (request, response) => response.json({ people: chat.clients.size }));

const endpoints = new Map(Object.entries({ '/echo': echo, '/chat': chat }));

const http = app.listen(Number(process.argv[2] ?? 8080), '127.0.0.1', () => {
  console.log(`Listening on http://127.0.0.1:${http.address().port}/`);
});

// Upgrades do not pass Express: this is the place to look at their cookies and their origin.
http.on('upgrade', (request, socket, head) => {
  const endpoint = endpoints.get(request.url.split('?', 1)[0]);
  if (endpoint === undefined) {
    socket.on('error', () => socket.destroy());
    // A client need not close its side, and the HTTP server no longer knows the socket.
    return socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n', () => socket.destroy());
  }
  return endpoint.handleUpgrade(request, socket, head, (ws) => {
    // Optional, for the log. If a peer breaks the protocol, the connection closes by itself.
    ws.on('error', (error) => console.error(error.message));
    endpoint.emit('connection', ws, request);
  });
});

// A restart: no new connections, then the open ones are closed within two seconds of each other, so that clients do not return all at once.
async function stop() {
  http.close();
  const results = await Promise.all([echo, chat].map((endpoint) => endpoint.shutdown({ timeout: 10_000, spread: 2000 })));
  console.log(`Closed: ${results.reduce((sum, { closed }) => sum + closed, 0)}`);
  http.closeAllConnections();
}
process.once('SIGTERM', () => void stop());
