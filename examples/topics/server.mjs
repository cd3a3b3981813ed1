// Several servers, each a process with its own port, on one bus. The page kills servers, and shows that nothing is lost.
//
//   node topics/server.mjs [port of the page] [number of servers]
//
// With REDIS_URL and the package `redis`, Redis is the bus. Otherwise the first process is the hub of the others.

import cluster from 'node:cluster';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { WebSocketServer } from 'wasock';
import { Topics, TOPICS_PROTOCOL } from 'wasock/topics';
import { localBus, localHub } from 'wasock/topics/local';

const { REDIS_URL, PORT } = process.env;
const HOST = '127.0.0.1';
const history = { size: 1_000, ttl: 120_000 };

/** @returns The topics of this process. */
async function connectTopics() {
  if (REDIS_URL === undefined)
    return new Topics({ bus: cluster.isPrimary ? localHub({ cluster }).bus() : localBus({ cluster }), history });
  const { createClient } = await import('redis');
  const { redisBus } = await import('wasock/topics/redis');
  const client = createClient({ url: REDIS_URL });
  client.on('error', ({ message }) => console.error(message));
  await client.connect();
  return new Topics({ bus: redisBus(client), history });
}

/** A server of the application: a process of its own. */
function serve(topics) {
  const http = createServer((_, response) => response.writeHead(426).end());
  const server = new WebSocketServer({
    server: http,
    maxPayload: 4_096,
    handleProtocols: (offered) => offered.has(TOPICS_PROTOCOL) && TOPICS_PROTOCOL,
  });
  server.on('connection', (ws) => {
    topics.serve(ws, { authorize: (topic, action) => topic === 'count' && action === 'subscribe' });
  });
  // Workers of node:cluster share their ports otherwise.
  http.listen({ port: Number(PORT), host: HOST, exclusive: true }, () => process.send({ port: http.address().port }));
}

/** Keeps a server running, on the same port. */
class Slot {
  port = 0;
  isReady = false;
  #worker;

  start() {
    this.#worker = cluster.fork({ PORT: String(this.port) });
    this.#worker.on('message', (message) => {
      if (message?.port === undefined) return;
      this.port = message.port;
      this.isReady = true;
    });
    this.#worker.on('exit', () => {
      this.isReady = false;
      setTimeout(() => this.start(), 1_500);
    });
  }

  kill() {
    this.#worker.process.kill('SIGKILL');
  }
}

/** The files of the page, and the modules of wasock, which a bundler would join. */
async function readPublic(path) {
  const type = { html: 'text/html', css: 'text/css', mjs: 'text/javascript', js: 'text/javascript' }[path.split('.').pop()];
  const root = path.startsWith('/wasock/')
    ? new URL('../../', import.meta.resolve('wasock/topics'))
    : new URL('page/', import.meta.url);
  const file = new URL(`.${path.replace(/^\/wasock/, '')}`, root);
  if (type === undefined || !file.href.startsWith(root.href)) throw new Error('There is no such file');
  return { type, body: await readFile(fileURLToPath(file)) };
}

async function answer(slots, request, response) {
  const path = new URL(request.url, 'http://localhost').pathname;
  const kill = /^\/kill\/(\d+)$/.exec(path);
  if (request.method === 'POST' && kill !== null && request.headers['sec-fetch-site'] === 'same-origin') {
    slots[Number(kill[1])]?.kill();
    response.writeHead(204).end();
  } else if (path === '/servers') {
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(slots.map(({ port }) => port)));
  } else {
    const { type, body } = await readPublic(path === '/' ? '/index.html' : path);
    response.writeHead(200, { 'Content-Type': `${type}; charset=utf-8`, 'X-Content-Type-Options': 'nosniff' }).end(body);
  }
}

/** Starts the servers, serves the page, and counts. */
async function supervise([port = '8080', count = '3']) {
  cluster.setupPrimary({ serialization: 'advanced' });
  const topics = await connectTopics();
  const slots = Array.from({ length: Number(count) }, () => new Slot());
  for (const slot of slots) slot.start();
  while (!slots.every(({ isReady }) => isReady)) await new Promise((resolve) => setTimeout(resolve, 20));
  let number = 0;
  setInterval(() => void topics.publish('count', String(++number)).catch(({ message }) => console.error(message)), 100);
  const http = createServer((request, response) => {
    answer(slots, request, response).catch(() => response.writeHead(404).end('There is no such page.\n'));
  });
  http.listen(Number(port), HOST, () => console.log(`http://${HOST}:${http.address().port}/`));
}

if (cluster.isPrimary) await supervise(process.argv.slice(2));
else serve(await connectTopics());
