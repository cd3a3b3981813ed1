// rpc-websockets: its server and its client, with calls, a login, events, and a reconnection.

import assert from 'node:assert/strict';
import { assertWs, load, next, until, within } from './program-runner.mjs';

assertWs(import.meta.url, ['rpc-websockets']);
const { Client, Server } = await load(import.meta.url, 'rpc-websockets');

const server = new Server({ port: 0, host: '127.0.0.1', maxPayload: 1_000_000 });
await next(server, 'listening');
server.register('sum', ([one, two]) => one + two).public();
server.register('echo', (params) => params).public();
server.register('secret', () => 42).protected();
server.register('fail', () => {
  throw new Error('as you wish');
});
server.event('feed').public();
server.setAuth(({ token }) => token === 'right');
const { port } = server.wss.address();

const client = new Client(`ws://127.0.0.1:${port}/`, { reconnect: true, reconnect_interval: 10, max_reconnects: 100 });
await next(client, 'open');
assert.equal(await within('a call', client.call('sum', [5, 3])), 8);
const long = 'é'.repeat(300_000);
assert.deepEqual(await within('a long call', client.call('echo', { long })), { long });
assert.deepEqual(
  await within('200 calls', Promise.all(Array.from({ length: 200 }, (_value, index) => client.call('sum', [index, 1])))),
  Array.from({ length: 200 }, (_value, index) => index + 1),
);
await assert.rejects(within('a fault', client.call('fail')), { data: 'as you wish' });
await assert.rejects(within('a refusal', client.call('secret')));
assert.equal(await within('a login', client.login({ token: 'right' })), true);
assert.equal(await within('a secret', client.call('secret')), 42);

const heard = [];
client.on('feed', (...values) => heard.push(values));
await within('a subscription', client.subscribe('feed'));
for (let index = 0; index < 100; index++) server.emit('feed', index, 'news');
await until('100 events', () => heard.length === 100);
assert.deepEqual(
  heard,
  Array.from({ length: 100 }, (_value, index) => [index, 'news']),
);

const again = next(client, 'open');
for (const ws of server.wss.clients) ws.terminate();
await again;
assert.equal(await within('a call after the reconnection', client.call('sum', [1, 1])), 2);

const ended = next(client, 'close');
client.setAutoReconnect(false);
client.close(4000, 'enough');
assert.equal((await ended)[0], 4000);
await within('close of the server', server.close());
