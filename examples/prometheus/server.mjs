// An echo server with its metrics at /metrics, as Prometheus reads them:
//
//     node server.mjs [port]

import { createServer } from 'node:http';
import process from 'node:process';
import { Registry } from 'prom-client';
import { WebSocketServer } from 'wasock';
import { collectInto } from './collect.mjs';

const registry = new Registry();

async function answer(request, response) {
  if (request.url !== '/metrics') return response.writeHead(404).end();
  response.setHeader('Content-Type', registry.contentType);
  return response.end(await registry.metrics());
}
const http = createServer((request, response) => void answer(request, response));

const server = new WebSocketServer({ server: http, perMessageDeflate: true });
server.on('connection', (ws) => {
  ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
});
collectInto(registry, server);

http.listen(Number(process.argv[2] ?? 8080), '127.0.0.1', () => {
  console.log(`Listening on http://127.0.0.1:${http.address().port}/`);
});

async function stop() {
  await server.shutdown({ timeout: 5000 });
  http.close();
}
process.once('SIGTERM', () => void stop());
