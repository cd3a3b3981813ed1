// @colyseus/ws-transport: rooms of a game server with its client, @colyseus/sdk.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { assertWs, load, next, until, within } from './program-runner.mjs';

assertWs(import.meta.url, ['@colyseus/ws-transport'], ['@colyseus/sdk']);
const { Room, Server } = await load(import.meta.url, '@colyseus/core');
const { WebSocketTransport } = await load(import.meta.url, '@colyseus/ws-transport');
// The client would prefer the WebSocket of the runtime.
globalThis.WebSocket = undefined;
const { Client } = await load(import.meta.url, '@colyseus/sdk');

const left = [];
class Lobby extends Room {
  onCreate() {
    this.onMessage('echo', (client, data) => client.send('echo', data));
    this.onMessage('all', (_client, data) => this.broadcast('all', data));
    this.onMessage('bytes', (client, data) => client.sendBytes('bytes', data));
    this.onMessage('kick', (client) => client.leave(4001));
  }
  onAuth(_client, { token }) {
    if (token !== 'right') throw new Error('wrong token');
    return true;
  }
  onLeave(client, code) {
    left.push([client.sessionId, code]);
  }
}

const http = createServer();
const transport = new WebSocketTransport({ server: http, maxPayload: 1_000_000, pingInterval: 50, pingMaxRetries: 1000 });
const server = new Server({ transport, greet: false, gracefullyShutdown: false });
server.define('lobby', Lobby);
await within('listen', server.listen(0, '127.0.0.1'));
const client = new Client(`http://127.0.0.1:${http.address().port}`);

const rooms = [];
const heard = [];
for (let index = 0; index < 3; index++) {
  const room = await within('join', client.joinOrCreate('lobby', { token: 'right' }));
  heard.push([]);
  for (const type of ['echo', 'all', 'bytes']) room.onMessage(type, (data) => heard[index].push([type, data]));
  rooms.push(room);
}
assert.equal(new Set(rooms.map(({ roomId }) => roomId)).size, 1);
assert.equal(transport.wss.clients.size, 3);

const long = 'é'.repeat(200_000);
rooms[0].send('echo', { text: 'é', list: [1, null, true] });
rooms[0].send('echo', { long });
rooms[0].send('bytes', new Uint8Array([1, 2, 255]));
await until('three answers', () => heard[0].length === 3);
assert.deepEqual(heard[0].slice(0, 2), [
  ['echo', { text: 'é', list: [1, null, true] }],
  ['echo', { long }],
]);
assert.deepEqual([...heard[0][2][1]], [1, 2, 255]);
for (const messages of heard) messages.length = 0;
for (let index = 0; index < 100; index++) rooms[1].send('all', index);
await until('the broadcasts', () => heard.every((messages) => messages.length === 100));
for (const messages of heard) {
  assert.deepEqual(
    messages.map(([, data]) => data),
    [...messages.keys()],
  );
}

await assert.rejects(within('a refusal', client.joinOrCreate('lobby', { token: 'wrong' })), /wrong token/);

// A client leaves, one is told to leave.
await within('leave', rooms[0].leave());
await until('one has left', () => left.length === 1);
const kicked = new Promise((resolve) => rooms[1].onLeave((code) => resolve(code)));
rooms[1].reconnection.enabled = false;
rooms[1].send('kick');
assert.equal(await within('the kick', kicked), 4001);
await until('two have left', () => left.length === 2);

const [ws] = transport.wss.clients;
const ended = next(ws, 'close');
await within('shutdown', server.gracefullyShutdown(false));
await ended;
await until('no clients', () => transport.wss.clients.size === 0);
