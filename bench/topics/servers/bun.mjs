// Server under test: the topics of Bun.serve.

import { TOPIC } from '../messages.mjs';
import { READY, isPublisher, serve } from './common.mjs';

/**
 * The part of Bun that is used here.
 *
 * @typedef {{ data: boolean, send(text: string): number, subscribe(topic: string): void }} Socket `data`: whether it subscribes.
 * @typedef {object} BunServer
 * @property {number} port
 * @property {(request: Request, options: object) => boolean} upgrade
 * @property {(topic: string, text: string) => number} publish
 */
const { Bun } = /** @type {{ Bun: { serve(options: object): BunServer } }} */ (/** @type {unknown} */ (globalThis));

/** @type {Set<Socket>} */
const subscribers = new Set();
const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch: (/** @type {Request} */ request, /** @type {BunServer} */ bun) =>
    bun.upgrade(request, { data: !isPublisher(request.url) }) ? undefined : new Response(null, { status: 400 }),
  websocket: {
    open(/** @type {Socket} */ socket) {
      if (socket.data) {
        subscribers.add(socket);
        socket.subscribe(TOPIC);
      }
      socket.send(READY);
    },
    message: (/** @type {Socket} */ _socket, /** @type {string} */ text) => server.publish(TOPIC, text),
    close: (/** @type {Socket} */ socket) => subscribers.delete(socket),
  },
});
serve(server.port, subscribers, (socket, topic) => socket.subscribe(topic));
