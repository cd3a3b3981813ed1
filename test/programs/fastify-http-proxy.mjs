// @fastify/http-proxy: forwards WebSockets to another server, with a WebSocket on each side.

import assert from 'node:assert/strict';
import proxy from '@fastify/http-proxy';
import Fastify from 'fastify';
import { WebSocket, WebSocketServer } from 'ws';
import { assertWs, closed, listen, next, until, within } from './program-runner.mjs';

assertWs(import.meta.url, ['@fastify/http-proxy']);

const { server, host: upstream } = await listen();
const wss = new WebSocketServer({ server, handleProtocols: (protocols) => [...protocols].at(-1) });
const requests = [];
let pings = 0;
wss.on('connection', (ws, request) => {
  requests.push(request);
  ws.on('ping', () => pings++);
  ws.on('message', (data, isBinary) => {
    if (Buffer.from('close').equals(data)) ws.close(4001, 'bye');
    else ws.send(data, { binary: isBinary });
  });
});

const fastify = Fastify();
await fastify.register(proxy, {
  upstream: `http://${upstream}`,
  prefix: '/api',
  rewritePrefix: '/inner',
  websocket: true,
  wsServerOptions: { maxPayload: 1_000_000 },
  wsClientOptions: {
    rewriteRequestHeaders: (headers, { headers: { cookie = '' } }) => ({ ...headers, cookie, 'x-added': 'by the proxy' }),
  },
});
await fastify.listen({ port: 0, host: '127.0.0.1' });
const host = `127.0.0.1:${fastify.server.address().port}`;

const ws = new WebSocket(`ws://${host}/api/echo?x=1`, ['one', 'two'], { headers: { cookie: 'a=1' } });
await next(ws, 'open');
ws.send('first');
assert.deepEqual(await next(ws, 'message'), [Buffer.from('first'), false]);
assert.equal(requests[0].url, '/inner/echo?x=1');
assert.equal(requests[0].headers['x-added'], 'by the proxy');
assert.equal(requests[0].headers.cookie, 'a=1');
for (const data of ['text é', Buffer.from([0, 255]), Buffer.alloc(900_000, 7)]) {
  ws.send(data);
  assert.deepEqual(await next(ws, 'message'), [Buffer.from(data), typeof data !== 'string']);
}
const heard = [];
const collect = (data) => heard.push(Number(data));
ws.on('message', collect);
for (let index = 0; index < 500; index++) ws.send(String(index));
await until('500 messages', () => heard.length === 500);
assert.deepEqual(heard, [...heard.keys()]);
ws.off('message', collect);
ws.ping();
await until('a ping at the upstream', () => pings === 1);
const ended = next(ws, 'close');
ws.send('close');
const [code, reason] = await ended;
assert.deepEqual([code, reason.toString()], [4001, 'bye']);

// The client closes; the upstream hears of it.
const other = new WebSocket(`ws://${host}/api/other`);
await next(other, 'open');
other.send('here');
await next(other, 'message');
const [peer] = wss.clients;
const gone = next(peer, 'close');
other.close(4002, 'client');
assert.equal((await gone)[0], 4002);

await until('no clients', () => wss.clients.size === 0);
await within('close', fastify.close());
await closed(wss);
await closed(server);
