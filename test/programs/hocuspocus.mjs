// @hocuspocus/server: documents shared by providers that use WebSocket, with a check of tokens.

import assert from 'node:assert/strict';
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider';
import { WebSocket } from 'ws';
import * as Y from 'yjs';
import { assertWs, load, until, within } from './program-runner.mjs';

assertWs(import.meta.url, ['@hocuspocus/server']);
const { Server } = await load(import.meta.url, '@hocuspocus/server');

const server = new Server({
  port: 0,
  address: '127.0.0.1',
  quiet: true,
  stopOnSignals: false,
  debounce: 0,
  onAuthenticate: ({ token }) =>
    token === 'right' ? Promise.resolve({ user: 'reader' }) : Promise.reject(new Error('wrong token')),
});
await within('listen', server.listen(0));
const url = `ws://127.0.0.1:${server.address.port}`;

function open(token = 'right') {
  const socket = new HocuspocusProviderWebsocket({ url, WebSocketPolyfill: WebSocket, delay: 10, minDelay: 10, jitter: false });
  const provider = new HocuspocusProvider({ websocketProvider: socket, name: 'room', document: new Y.Doc(), token });
  provider.attach();
  return { socket, provider, text: provider.document.getText('text') };
}

/** The next event of an emitter that has no once(). */
function happens(emitter, name) {
  return within(name, new Promise((resolve) => emitter.on(name, resolve)));
}

const [one, two] = [open(), open()];
await until('both in step', () => one.provider.isSynced && two.provider.isSynced);
one.text.insert(0, 'Hello é');
await until('the text', () => two.text.toJSON() === 'Hello é');
const long = 'x'.repeat(300_000);
two.text.insert(two.text.length, long);
await until('the long text', () => one.text.length === 7 + long.length);
for (let index = 0; index < 100; index++) (index % 2 === 0 ? one : two).text.insert(0, String(index % 10));
await until('100 changes', () => one.text.length === 107 + long.length && one.text.toJSON() === two.text.toJSON());
one.provider.setAwarenessField('user', { name: 'Zoë' });
await until('the awareness', () => [...two.provider.awareness.getStates().values()].some(({ user }) => user?.name === 'Zoë'));

// One loses the connection, and both change the text meanwhile.
const lost = happens(one.socket, 'disconnect');
one.socket.webSocket.terminate();
one.text.insert(0, 'one ');
two.text.insert(0, 'two ');
await lost;
await until('the same text again', () => one.text.toJSON() === two.text.toJSON() && one.text.toJSON().includes('one '));

const stranger = open('wrong');
const { reason } = await happens(stranger.provider, 'authenticationFailed');
assert.equal(reason, 'permission-denied');

for (const { provider, socket } of [one, two, stranger]) {
  provider.destroy();
  socket.destroy();
}
await until('no connections', () => server.webSocketServer.clients.size === 0);
await within('destroy', server.destroy());
