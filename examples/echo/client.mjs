// A client of server.mjs: sends a line, prints the answer, and closes. The same file runs on Node.js, Deno and Bun:
//
//     node client.mjs [url]        deno run -A client.mjs [url]        bun client.mjs [url]

import process from 'node:process';
import { WebSocket } from 'wasock';

const ws = new WebSocket(process.argv[2] ?? 'ws://127.0.0.1:8080/');

ws.on('open', () => ws.send('hello'));

ws.on('message', (/** @type {Buffer} */ data) => {
  console.log('Received:', data.toString());
  ws.close(1000, 'done');
});

ws.on('error', (error) => {
  console.error(`No luck: ${error.message}`);
  process.exitCode = 1;
});

ws.on('close', (code, reason) => console.log('Closed:', code, reason.toString()));
