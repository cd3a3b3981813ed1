// An echo server. The same file runs on Node.js, Deno and Bun:
//
//     node server.mjs [port]        deno run -A server.mjs [port]        bun server.mjs [port]
//
// Without a port it listens on 8080, with 0 on a free one. Ctrl-C says goodbye to its clients and stops it.

import process from 'node:process';
import { WebSocketServer } from 'wasock';

const server = new WebSocketServer({ host: '127.0.0.1', port: Number(process.argv[2] ?? 8080) });

server.on('listening', () => console.log(`Listening on ws://127.0.0.1:${server.address().port}/`));

server.on('connection', (ws) => {
  // Text arrives as bytes too, so pass the type on.
  ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
});

// Optional, for the log. If a peer breaks the protocol, the connection closes by itself.
server.on('connectionError', (error) => console.error(error.message));

process.once('SIGINT', () => {
  server.close();
  for (const ws of server.clients) ws.close(1001, 'The server is stopping');
});
