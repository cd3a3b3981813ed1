// The plain routes of app.mjs, and its WebSocket, on Node.js; SIGTERM closes both in order:
//
//     node node.mjs [port]
//
// In a program of your own, @hono/node-server takes the place of the function `answer`: pass its server to WebSocketServer.

import { Buffer } from 'node:buffer';
import { createServer } from 'node:http';
import process from 'node:process';
import { WebSocketServer } from 'wasock';
import app from './app.mjs';

/** Lets Hono answer a GET request. */
async function answer(request, response) {
  try {
    const { status, headers, body } = await app.fetch(new Request(new URL(request.url, 'http://localhost/')));
    response.writeHead(status, Object.fromEntries(headers));
    response.end(body && Buffer.from(await new Response(body).arrayBuffer()));
  } catch {
    response.writeHead(400).end();
  }
}

const http = createServer((request, response) => void answer(request, response));
const echo = new WebSocketServer({ server: http, path: '/echo', maxConnectionsPerAddress: 100 });
echo.on('connection', (ws) => ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary })));

http.listen(Number(process.argv[2] ?? 8080), '127.0.0.1', () => {
  console.log(`Listening on http://127.0.0.1:${http.address().port}/`);
});

async function stop() {
  http.close();
  const { closed, terminated } = await echo.shutdown({ timeout: 10_000, spread: 1000 });
  console.log(`Closed: ${closed}, dropped: ${terminated}`);
  http.closeAllConnections();
}
process.once('SIGTERM', () => void stop());
