// Server under test: topics of the library, on its own server or, on Bun, inside of Bun.serve.

import { TOPIC } from '../messages.mjs';
import { READY, connectRedis, isPublisher, options, serve } from './common.mjs';

/** @typedef {import('ws').WebSocket} Socket */

/** @type {typeof import('../../../src/topics/index.ts')} */
const { Topics } = await import(options.topics);
/** As many messages as the adapter of socket.io keeps, of all rooms together. */
const HISTORY = { size: 10_000, ttl: 600_000 };

/** @returns {Promise<import('../../../src/topics/index.ts').Bus>} */
async function connectBus() {
  /** @type {typeof import('../../../src/topics/redis.ts')} */
  const { redisBus } = await import(options.redisBus);
  return redisBus(await connectRedis());
}

const topics = new Topics({
  ...(options.redis !== undefined && { bus: await connectBus() }),
  ...(options.history && { history: HISTORY }),
});
await topics.ready;
/** @type {Set<Socket>} */
const subscribers = new Set();
const subscribe = (/** @type {Socket} */ ws, /** @type {string} */ topic) => topics.subscribe(ws, topic);

/** @param {Socket} ws @param {string | undefined} url */
async function onConnection(ws, url) {
  ws.on('message', (/** @type {Buffer} */ data) => void topics.publish(TOPIC, data.toString()));
  if (!isPublisher(url)) {
    subscribers.add(ws);
    ws.on('close', () => subscribers.delete(ws));
    await subscribe(ws, TOPIC);
  }
  ws.send(READY);
}

const adapter = await import(options.library);
if (options.upgrade) {
  const { Bun } = /** @type {{ Bun: { serve(options: object): { port: number } } }} */ (/** @type {unknown} */ (globalThis));
  const fetch = (/** @type {Request} */ request, /** @type {unknown} */ bun) => {
    const { response, socket } = adapter.upgrade(request, bun);
    socket.on('open', () => void onConnection(socket, request.url));
    return response;
  };
  const { port } = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch, websocket: adapter.websocket });
  serve(port, subscribers, subscribe);
} else {
  const server = new adapter.WebSocketServer({ host: '127.0.0.1', port: 0 });
  server.on('connection', (/** @type {Socket} */ ws, /** @type {{ url?: string }} */ { url }) => onConnection(ws, url));
  server.on('listening', () => serve(server.address().port, subscribers, subscribe));
}
