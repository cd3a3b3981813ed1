// Server under test: ws with a set of subscribers for each topic, and a loop that sends.

import { WebSocketServer } from 'ws';

import { TOPIC } from '../messages.mjs';
import { READY, isPublisher, serve } from './common.mjs';

/** @typedef {import('ws').WebSocket} Socket */

/** @type {Set<Socket>} */
const subscribers = new Set();
const topics = new Map([[TOPIC, subscribers]]);

/** @param {Socket} ws @param {string} topic */
function subscribe(ws, topic) {
  const sockets = topics.get(topic) ?? new Set();
  topics.set(topic, sockets.add(ws));
}

const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
server.on('connection', (ws, { url }) => {
  ws.on('message', (/** @type {Buffer} */ data) => {
    const text = data.toString();
    for (const subscriber of subscribers) subscriber.send(text);
  });
  if (!isPublisher(url)) {
    subscribe(ws, TOPIC);
    ws.on('close', () => subscribers.delete(ws));
  }
  ws.send(READY);
});
server.on('listening', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  serve(port, subscribers, subscribe);
});
