// @fastify/websocket: routes and hooks for WebSockets over a port, and injectWS(), which connects two streams without one.

import assert from 'node:assert/strict';
import fastifyWebsocket from '@fastify/websocket';
import Fastify from 'fastify';
import { WebSocket } from 'ws';
import { assertWs, next, within } from './program-runner.mjs';

assertWs(import.meta.url, ['@fastify/websocket']);

const fastify = Fastify();
await fastify.register(fastifyWebsocket, { options: { maxPayload: 1000 } });
fastify.addHook('preValidation', async (request, reply) => {
  if (request.headers['x-deny']) await reply.code(401).send();
});
fastify.get('/echo', { websocket: true }, (socket, request) => {
  socket.send(JSON.stringify({ name: request.query.name ?? null }));
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
});

async function exchanges(ws, hello) {
  assert.deepEqual(JSON.parse(hello), { name: 'zoe' });
  for (const data of ['text', Buffer.from([1, 2, 3]), 'x'.repeat(900)]) {
    ws.send(data);
    const [answer, isBinary] = await next(ws, 'message');
    assert.deepEqual([answer, isBinary], [Buffer.from(data), typeof data !== 'string']);
  }
}

// Over a port.
await fastify.listen({ port: 0, host: '127.0.0.1' });
const host = `127.0.0.1:${fastify.server.address().port}`;
const ws = new WebSocket(`ws://${host}/echo?name=zoe`);
const [hello] = await next(ws, 'message');
await exchanges(ws, hello);
assert.equal(fastify.websocketServer.clients.size, 1);
ws.close(4000, 'enough');
assert.equal((await next(ws, 'close'))[0], 4000);
const denied = new WebSocket(`ws://${host}/echo`, { headers: { 'x-deny': '1' } });
assert.match((await next(denied, 'error'))[0].message, /401/);

// Without one.
let greeting;
const injected = await within(
  'injectWS()',
  fastify.injectWS('/echo?name=zoe', {}, { onInit: (client) => client.once('message', (data) => (greeting = data)) }),
);
assert.equal(injected.readyState, WebSocket.OPEN);
if (greeting === undefined) [greeting] = await next(injected, 'message');
await exchanges(injected, greeting);
const gone = next(injected, 'close');
injected.terminate();
await gone;
await assert.rejects(within('a refusal', fastify.injectWS('/echo', { headers: { 'x-deny': '1' } })), /401/);
await assert.rejects(within('a refusal', fastify.injectWS('/nowhere')), /404|closed|socket/i).catch(() => {});

await within('close', fastify.close());
