// @nestjs/platform-ws: gateways of a Nest application, on its HTTP server and on a port of their own.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { from } from 'rxjs';
import { WebSocket } from 'ws';
import { assertWs, next, until, within } from './program-runner.mjs';

assertWs(import.meta.url, ['@nestjs/platform-ws']);
// It adds functions to Reflect, which the decorators call.
createRequire(import.meta.url)('reflect-metadata');

const events = [];
class EchoGateway {
  handleConnection(client, request) {
    events.push(['connected', request.url, client instanceof WebSocket]);
  }
  handleDisconnect() {
    events.push(['disconnected']);
  }
  echo(_client, data) {
    return { event: 'echo', data };
  }
  count(_client, { to }) {
    return from(Array.from({ length: to }, (_value, index) => ({ event: 'count', data: index })));
  }
}

/** Decorates as TypeScript would: plain JavaScript has no syntax for it. */
function handles(gateway, method, event) {
  SubscribeMessage(event)(gateway.prototype, method, Object.getOwnPropertyDescriptor(gateway.prototype, method));
}
handles(EchoGateway, 'echo', 'echo');
handles(EchoGateway, 'count', 'count');
WebSocketGateway({ path: '/echo', maxPayload: 1_000_000 })(EchoGateway);

class AppModule {}
Module({ providers: [EchoGateway] })(AppModule);

const app = await NestFactory.create(AppModule, { logger: false });
app.useWebSocketAdapter(new WsAdapter(app));
await app.listen(0, '127.0.0.1');
const host = `127.0.0.1:${app.getHttpServer().address().port}`;

const ws = new WebSocket(`ws://${host}/echo`);
await next(ws, 'open');
const ask = async (event, data) => {
  ws.send(JSON.stringify({ event, data }));
  return JSON.parse((await next(ws, 'message'))[0]);
};
assert.deepEqual(await ask('echo', { text: 'é' }), { event: 'echo', data: { text: 'é' } });
const long = 'x'.repeat(900_000);
assert.deepEqual(await ask('echo', long), { event: 'echo', data: long });
const numbers = [];
const collect = (data) => numbers.push(JSON.parse(data).data);
ws.on('message', collect);
ws.send(JSON.stringify({ event: 'count', data: { to: 100 } }));
await until('100 answers', () => numbers.length === 100);
assert.deepEqual(numbers, [...numbers.keys()]);
ws.off('message', collect);
assert.deepEqual(events, [['connected', '/echo', true]]);

// A message that is no JSON has no answer, and the connection stays.
ws.send('no JSON');
assert.deepEqual(await ask('echo', 1), { event: 'echo', data: 1 });
// No gateway has this path.
const unknown = new WebSocket(`ws://${host}/unknown`);
await next(unknown, 'error');
// Too long for the gateway.
const closing = next(ws, 'close');
ws.send(Buffer.alloc(1_000_001));
assert.equal((await closing)[0], 1009);
await until('the end of the first', () => events.length === 2);

const last = new WebSocket(`ws://${host}/echo`);
await next(last, 'open');
const ended = next(last, 'close');
await within('close of the application', app.close());
assert.equal((await ended)[0], 1006);
