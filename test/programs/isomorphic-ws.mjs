// isomorphic-ws: the class of ws under another name, as libraries for browsers and Node.js use it.

import assert from 'node:assert/strict';
import { WebSocket, WebSocketServer } from 'ws';
import { assertWs, closed, listen, load, next } from './program-runner.mjs';

assertWs(import.meta.url, ['isomorphic-ws']);
const { default: IsomorphicWebSocket } = await import('isomorphic-ws');

assert.equal(IsomorphicWebSocket, WebSocket);
assert.equal(IsomorphicWebSocket.WebSocketServer, WebSocketServer);
const { default: same = IsomorphicWebSocket } = await load(import.meta.url, 'isomorphic-ws');
assert.equal(same, WebSocket);

const { server, host } = await listen();
const wss = new IsomorphicWebSocket.Server({ server });
wss.on('connection', (ws) => ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary })));

// As code for browsers writes it.
const ws = new IsomorphicWebSocket(`ws://${host}/`);
ws.binaryType = 'arraybuffer';
await new Promise((resolve, reject) => {
  ws.onopen = resolve;
  ws.onerror = reject;
});
for (const value of ['text é', new Uint8Array([1, 2, 255])]) {
  const message = new Promise((resolve) => (ws.onmessage = resolve));
  ws.send(value);
  const { data, type, target } = await message;
  assert.deepEqual(typeof value === 'string' ? data : new Uint8Array(data), value);
  assert.deepEqual([type, target], ['message', ws]);
}
const [peer] = wss.clients;
const ended = next(peer, 'close');
const closing = new Promise((resolve) => (ws.onclose = resolve));
ws.close(4000, 'enough');
const { code, reason, wasClean } = await closing;
assert.deepEqual([code, reason, wasClean], [4000, 'enough', true]);
assert.equal((await ended)[0], 4000);
await closed(wss);
await closed(server);
