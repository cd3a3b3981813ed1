// y-websocket: documents and awareness shared by providers that use WebSocket, through @y/websocket-server's connection handler.

import assert from 'node:assert/strict';
import { setupWSConnection, docs } from '@y/websocket-server/utils';
import { WebSocket, WebSocketServer } from 'ws';
import { WebsocketProvider } from 'y-websocket';
import * as Y from 'yjs';
import { assertWs, closed, listen, until } from './program-runner.mjs';

assertWs(import.meta.url, ['@y/websocket-server/utils']);

const { server, host } = await listen();
const wss = new WebSocketServer({ noServer: true });
wss.on('connection', setupWSConnection);
server.on('upgrade', (request, socket, head) => {
  wss.handleUpgrade(request, socket, head, (ws) => wss.emit('connection', ws, request));
});

const providers = [];
function open(room = 'room') {
  const provider = new WebsocketProvider(`ws://${host}`, room, new Y.Doc(), {
    WebSocketPolyfill: WebSocket,
    // Providers of one process would otherwise speak to each other and not through the server.
    disableBc: true,
    maxBackoffTime: 50,
    params: { token: 'é' },
  });
  providers.push(provider);
  return provider;
}

const textOf = (provider) => provider.doc.getText('text');

const one = open();
const two = open();
await until('both in step', () => one.synced && two.synced);
assert.ok(one.ws instanceof WebSocket);
assert.equal(one.ws.binaryType, 'arraybuffer');

textOf(one).insert(0, 'Hello ');
textOf(two).insert(0, 'wörld');
await until('one text', () => textOf(one).length === 11 && textOf(one).toString() === textOf(two).toString());

one.awareness.setLocalStateField('user', { name: 'Zoë' });
await until('awareness', () => two.awareness.getStates().get(one.doc.clientID)?.user?.name === 'Zoë');

const long = 'long é '.repeat(100_000);
textOf(two).insert(0, long);
for (let index = 0; index < 500; index++) textOf(one).insert(0, String(index % 10));
await until('a long text', () => textOf(one).length === long.length + 511 && textOf(one).toString() === textOf(two).toString());

// A newcomer gets the whole document from the server.
const three = open();
await until('the newcomer in step', () => textOf(three).toString() === textOf(one).toString());

// What is written while the connection is gone arrives when it is made again.
const statuses = [];
two.on('status', ({ status }) => statuses.push(status));
for (const ws of wss.clients) ws.terminate();
textOf(two).insert(0, 'offline ');
await until('all in step again', () => statuses.includes('connected') && textOf(three).toString().startsWith('offline '));
assert.equal(statuses[0], 'disconnected');
assert.equal(docs.get('room').getText('text').toJSON(), textOf(two).toJSON());

two.disconnect();
await until('awareness of two gone', () => !one.awareness.getStates().has(two.doc.clientID));
for (const provider of providers) {
  provider.destroy();
  provider.awareness.destroy();
  provider.doc.destroy();
}
for (const doc of docs.values()) {
  doc.awareness.destroy();
  doc.destroy();
}
await until('no clients', () => wss.clients.size === 0);
await closed(wss);
await closed(server);
