// obs-websocket-js: its client, with MessagePack in binary messages, and a stand-in for OBS Studio with a password.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { decode, encode } from '@msgpack/msgpack';
import { WebSocketServer } from 'ws';
import { assertWs, closed, listen, load, next, until, within } from './program-runner.mjs';

assertWs(import.meta.url, ['obs-websocket-js', 'isomorphic-ws']);
const { OBSWebSocket } = await load(import.meta.url, 'obs-websocket-js');

const [salt, challenge] = ['salt', 'challenge'];
const hash = (text) => createHash('sha256').update(text).digest('base64');
const expected = hash(hash(`password${salt}`) + challenge);

const { server, host } = await listen();
const wss = new WebSocketServer({ server });
const protocols = [];
wss.on('connection', (ws) => {
  protocols.push(ws.protocol);
  const say = (op, d) => ws.send(encode({ op, d }));
  say(0, { obsWebSocketVersion: '5.0.0', rpcVersion: 1, authentication: { salt, challenge } });
  ws.on('message', (data, isBinary) => {
    assert.equal(isBinary, true);
    const { op, d } = decode(data);
    if (op === 1) {
      if (d.authentication === expected) say(2, { negotiatedRpcVersion: 1 });
      else ws.close(4009, 'Authentication failed.');
    } else if (op === 6) {
      const requestStatus = { result: d.requestType !== 'Unknown', code: 100, comment: 'no such request' };
      say(7, { requestId: d.requestId, requestType: d.requestType, requestStatus, responseData: { asked: d.requestData } });
    }
  });
});

const client = new OBSWebSocket();
const { negotiatedRpcVersion } = await within('connect', client.connect(`ws://${host}`, 'password'));
assert.equal(negotiatedRpcVersion, 1);
assert.deepEqual(protocols, ['obswebsocket.msgpack']);
const long = 'é'.repeat(300_000);
assert.deepEqual(await within('a call', client.call('Echo', { long })), { asked: { long } });
assert.deepEqual(
  await within('100 calls', Promise.all(Array.from({ length: 100 }, (_value, index) => client.call('Echo', { index })))),
  Array.from({ length: 100 }, (_value, index) => ({ asked: { index } })),
);
await assert.rejects(within('an error', client.call('Unknown')), { message: 'no such request', code: 100 });

const volumes = [];
client.on('InputVolumeChanged', ({ volume }) => volumes.push(volume));
const [ws] = wss.clients;
for (let volume = 0; volume < 100; volume++) {
  ws.send(encode({ op: 5, d: { eventType: 'InputVolumeChanged', eventData: { volume } } }));
}
await until('100 events', () => volumes.length === 100);
assert.deepEqual(volumes, [...volumes.keys()]);

const ended = next(ws, 'close');
await within('disconnect', client.disconnect());
assert.equal((await ended)[0], 1005);

const wrong = new OBSWebSocket();
await assert.rejects(within('a refusal', wrong.connect(`ws://${host}`, 'wrong')), {
  code: 4009,
  message: 'Authentication failed.',
});
await until('no clients', () => wss.clients.size === 0);
await closed(wss);
await closed(server);
