// happy-dom: code for browsers talks to a server through the WebSocket of a window.

import assert from 'node:assert/strict';
import { Window } from 'happy-dom';
import { WebSocketServer } from 'ws';
import { assertWs, closed, listen, next, within } from './program-runner.mjs';

assertWs(import.meta.url, ['happy-dom']);

const { server, host } = await listen();
const wss = new WebSocketServer({ server });
wss.on('connection', (ws, request) => {
  ws.send(JSON.stringify({ origin: request.headers.origin, agent: request.headers['user-agent'] }));
  ws.on('message', (data, isBinary) => {
    if (Buffer.from('close').equals(data)) ws.close(4002, 'as you wish é');
    else ws.send(data, { binary: isBinary });
  });
});

const window = new Window({ url: `http://${host}/page` });

function event(target, type) {
  return within(type, new Promise((resolve) => target.addEventListener(type, resolve, { once: true })));
}

const ws = new window.WebSocket(`ws://${host}/`, ['one', 'two']);
assert.equal(ws.readyState, window.WebSocket.CONNECTING);
const hello = event(ws, 'message');
await event(ws, 'open');
assert.equal(JSON.parse((await hello).data).origin, `http://${host}`);
assert.deepEqual([ws.protocol, ws.url], ['one', `ws://${host}/`]);
ws.send('text é');
assert.equal((await event(ws, 'message')).data, 'text é');
const long = 'x'.repeat(500_000);
ws.send(long);
assert.equal((await event(ws, 'message')).data, long);
ws.binaryType = 'arraybuffer';
ws.send(new Uint8Array([0, 128, 255]));
assert.deepEqual([...new Uint8Array((await event(ws, 'message')).data)], [0, 128, 255]);
ws.binaryType = 'blob';
ws.send(new window.Blob(['blob é']));
const { data: blob } = await event(ws, 'message');
assert.equal(await blob.text(), 'blob é');
const ended = event(ws, 'close');
ws.send('close');
const { code, reason, wasClean } = await ended;
assert.deepEqual([code, reason, wasClean], [4002, 'as you wish é', true]);

// The page closes a socket.
const second = new window.WebSocket(`ws://${host}/`);
const connected = next(wss, 'connection');
await event(second, 'open');
const [peer] = await connected;
const closing = next(peer, 'close');
second.close(3000, 'page');
const [closeCode, closeReason] = await closing;
assert.deepEqual([closeCode, closeReason.toString()], [3000, 'page']);

await within('close of the window', window.happyDOM.close());
await closed(wss);
await closed(server);
