// express-ws: routes, routers and middleware for WebSockets, beside plain HTTP on the same server.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import express from 'express';
import { WebSocket } from 'ws';
import { assertWs, closed, next, until } from './program-runner.mjs';

assertWs(import.meta.url, ['express-ws']);

// A CommonJS program that requires ws and takes its `Server`.
const expressWs = createRequire(import.meta.url)('express-ws');

const instance = expressWs(express(), undefined, {
  wsOptions: { maxPayload: 1000, perMessageDeflate: true, handleProtocols: (protocols) => [...protocols].at(-1) },
});
const { app } = instance;
app.use((request, _response, onward) => {
  request.touched = true;
  onward();
});
app.get('/', (_request, response) => response.send('plain HTTP'));
const errors = [];
app.ws('/echo/:name', (ws, request) => {
  ws.on('error', ({ code }) => errors.push(code));
  ws.send(
    JSON.stringify({
      params: request.params,
      query: request.query,
      touched: request.touched,
      address: request.socket.remoteAddress,
    }),
  );
  ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
});
const router = express.Router();
instance.applyTo(router);
router.ws('/all', (ws) => {
  ws.on('message', (data) => {
    for (const client of instance.getWss().clients) if (client.readyState === WebSocket.OPEN) client.send(`all: ${data}`);
  });
});
router.ws('/bye', (ws) => ws.close(4001, 'bye'));
router.ws('/fail', (_ws, _request, onward) => onward(new Error('refused by a middleware')));
app.use('/router', router);
app.use((_error, _request, response, _onward) => response.status(500).end());

const server = app.listen(0, '127.0.0.1');
await once(server, 'listening');
const host = `127.0.0.1:${server.address().port}`;

async function echoes() {
  const ws = new WebSocket(`ws://${host}/echo/zoë?x=1&x=2`, ['one', 'two'], { perMessageDeflate: true });
  const [hello, isBinary] = await next(ws, 'message');
  assert.equal(isBinary, false);
  assert.deepEqual(JSON.parse(hello), {
    params: { name: 'zoë' },
    query: { x: ['1', '2'] },
    touched: true,
    address: '127.0.0.1',
  });
  assert.equal(ws.protocol, 'two');
  ws.send('text');
  assert.deepEqual(await next(ws, 'message'), [Buffer.from('text'), false]);
  ws.send(new Float64Array([0.5, -1]));
  assert.deepEqual(await next(ws, 'message'), [Buffer.from(new Float64Array([0.5, -1]).buffer), true]);
  ws.send(Buffer.alloc(1001));
  const [code] = await next(ws, 'close');
  assert.equal(code, 1009);
  assert.deepEqual(errors, ['WS_ERR_UNSUPPORTED_MESSAGE_LENGTH']);
}

async function closesUnhandled() {
  for (const [path, code, reason] of [
    ['/unknown', 1005, ''],
    ['/router/unknown', 1005, ''],
    ['/router/fail', 1005, ''],
    ['/router/bye', 4001, 'bye'],
  ]) {
    const ended = await next(new WebSocket(`ws://${host}${path}`), 'close');
    assert.deepEqual([ended[0], ended[1].toString()], [code, reason], path);
  }
}

async function broadcasts() {
  const members = Array.from({ length: 5 }, () => new WebSocket(`ws://${host}/router/all`));
  await Promise.all(members.map((member) => next(member, 'open')));
  const heard = Promise.all(members.map((member) => next(member, 'message')));
  members[2].send('news');
  for (const [data] of await heard) assert.equal(data.toString(), 'all: news');
  const ended = Promise.all(members.map((member) => next(member, 'close')));
  for (const member of members) member.close(1000, 'done');
  for (const [code, reason] of await ended) assert.deepEqual([code, reason.toString()], [1000, 'done']);
  await until('no clients', () => instance.getWss().clients.size === 0);
}

assert.equal(await (await fetch(`http://${host}/`, { headers: { connection: 'close' } })).text(), 'plain HTTP');
await echoes();
await closesUnhandled();
await broadcasts();
await closed(instance.getWss());
await closed(server);
