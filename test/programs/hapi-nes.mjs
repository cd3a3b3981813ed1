// @hapi/nes: requests, subscriptions and broadcasts over a WebSocket of a hapi server, with its client.

import assert from 'node:assert/strict';
import Hapi from '@hapi/hapi';
import Nes from '@hapi/nes';
import { assertWs, until, within } from './program-runner.mjs';

assertWs(import.meta.url, ['@hapi/nes']);

const server = Hapi.server({ port: 0, host: '127.0.0.1' });
await server.register(Nes);
server.route([
  { method: 'GET', path: '/hello', options: { id: 'hello' }, handler: () => 'world' },
  { method: 'POST', path: '/echo', handler: (request) => request.payload },
  {
    method: 'GET',
    path: '/fail',
    handler: () => {
      throw Object.assign(new Error('no'), { isBoom: false });
    },
  },
]);
server.subscription('/item/{id}');
await server.start();
const url = `ws://127.0.0.1:${server.info.port}`;

const client = new Nes.Client(url);
await within('connect', client.connect());
assert.equal((await within('a request', client.request('hello'))).payload, 'world');
const long = 'é'.repeat(300_000);
const { payload } = await within('a long request', client.request({ method: 'POST', path: '/echo', payload: { long } }));
assert.deepEqual(payload, { long });
await assert.rejects(within('a fault', client.request('/fail')), { statusCode: 500 });
await assert.rejects(within('an unknown path', client.request('/nowhere')), { statusCode: 404 });

const items = [];
await within(
  'a subscription',
  client.subscribe('/item/5', (item) => items.push(item)),
);
for (let index = 0; index < 100; index++) server.publish('/item/5', { index });
server.publish('/item/6', { index: -1 });
await until('100 items', () => items.length === 100);
assert.deepEqual(
  items.map(({ index }) => index),
  [...items.keys()],
);
const updates = [];
client.onUpdate = (update) => updates.push(update);
server.broadcast('to all');
await until('the broadcast', () => updates.length === 1);
assert.deepEqual(updates, ['to all']);

// The client reconnects and subscribes again.
const connected = new Promise((resolve) => (client.onConnect = resolve));
const lost = new Promise((resolve) => (client.onDisconnect = resolve));
await until('the socket', () => client._ws !== null);
client._ws.terminate();
await within('the loss', lost);
await within('the reconnection', connected);
server.publish('/item/5', { index: 100 });
await until('an item after the reconnection', () => items.length === 101);

client.onDisconnect = () => {};
await within('disconnect', client.disconnect());
await within('stop', server.stop());
