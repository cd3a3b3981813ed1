// Server under test: rooms of socket.io, over WebSockets alone. With Redis: its adapter over Redis Streams.

import { createServer } from 'node:http';

import { createAdapter } from '@socket.io/redis-streams-adapter';
import { Server } from 'socket.io';

import { TOPIC } from '../messages.mjs';
import { READY, connectRedis, isPublisher, options, serve, untilRunning } from './common.mjs';

const http = createServer();
const client = options.redis === undefined ? undefined : await connectRedis();
const io = new Server(http, {
  transports: ['websocket'],
  // No ping within a measurement: the other servers have none.
  pingInterval: 3_600_000,
  ...(client && { adapter: createAdapter(client) }),
});
// The adapter does not say when it reads: it would miss the first messages.
if (client) await untilRunning(client, ['xread', 'subscribe']);
/** @type {Set<import('socket.io').Socket>} */
const subscribers = new Set();

io.on('connection', async (socket) => {
  socket.on('m', (text) => io.to(TOPIC).emit('m', text));
  if (!isPublisher(socket.request.url)) {
    subscribers.add(socket);
    socket.on('disconnect', () => subscribers.delete(socket));
    await socket.join(TOPIC);
  }
  socket.emit('m', READY);
});
http.listen(0, '127.0.0.1', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (http.address());
  serve(port, subscribers, (socket, room) => socket.join(room));
});
