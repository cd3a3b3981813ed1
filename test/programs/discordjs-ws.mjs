// @discordjs/ws: the gateway client of discord.js with a stand-in for the gateway, which sends a zlib stream in binary messages.

import assert from 'node:assert/strict';
import { constants, createDeflate } from 'node:zlib';
import { CompressionMethod, WebSocketManager, WebSocketShardEvents } from '@discordjs/ws';
import { WebSocketServer } from 'ws';
import { assertWs, closed, listen, next, until, within } from './program-runner.mjs';

assertWs(import.meta.url, ['@discordjs/ws']);

const { server, host } = await listen();
const wss = new WebSocketServer({ server });
const received = [];
const urls = [];
wss.on('connection', (ws, request) => {
  urls.push(request.url);
  const deflate = createDeflate();
  let chunks = [];
  deflate.on('data', (chunk) => chunks.push(chunk));
  let turn = Promise.resolve();
  ws.say = (message) => {
    turn = turn.then(
      () =>
        new Promise((resolve) => {
          deflate.write(JSON.stringify(message));
          deflate.flush(constants.Z_SYNC_FLUSH, () => {
            ws.send(Buffer.concat(chunks));
            chunks = [];
            resolve();
          });
        }),
    );
  };
  // A client that has no answer within this time connects again.
  ws.say({ op: 10, d: { heartbeat_interval: 3000 } });
  ws.on('message', (data) => {
    const { op, d } = JSON.parse(data);
    received.push({ op, d });
    if (op === 1) ws.say({ op: 11 });
    if (op === 2) {
      const session = { session_id: 'session', resume_gateway_url: `ws://${host}/resumed`, user: { id: '1' } };
      ws.say({ op: 0, t: 'READY', s: 1, d: session });
    }
    if (op === 6) ws.say({ op: 0, t: 'RESUMED', s: d.seq + 1, d: {} });
  });
});

const manager = new WebSocketManager({
  token: 'token',
  intents: 1,
  compression: CompressionMethod.ZlibNative,
  rest: {
    get: () =>
      Promise.resolve({
        url: `ws://${host}/`,
        shards: 1,
        session_start_limit: { total: 10, remaining: 10, reset_after: 1_000_000, max_concurrency: 1 },
      }),
  },
});
const dispatched = [];
const closes = [];
let heartbeats = 0;
let resumes = 0;
manager.on(WebSocketShardEvents.Dispatch, ({ t, d }) => dispatched.push([t, d]));
manager.on(WebSocketShardEvents.Closed, (code) => closes.push(code));
manager.on(WebSocketShardEvents.HeartbeatComplete, () => heartbeats++);
manager.on(WebSocketShardEvents.Resumed, () => resumes++);
manager.on(WebSocketShardEvents.Error, (error) => {
  throw error;
});
await within('connect', manager.connect());
assert.match(urls[0], /compress=zlib-stream/);
assert.equal(received.find(({ op }) => op === 2).d.token, 'token');

const [first] = wss.clients;
const messagesOf = () => dispatched.filter(([type]) => type === 'MESSAGE_CREATE').map(([, d]) => d.index);
// One by one: the client inflates two messages that arrive together into one.
for (let index = 0; index < 20; index++) {
  const long = 'é'.repeat(index * 1000);
  first.say({ op: 0, t: 'MESSAGE_CREATE', s: 2 + index, d: { index, long } });
  await until(`message ${index}`, () => messagesOf().length === index + 1);
}
assert.deepEqual(messagesOf(), [...messagesOf().keys()]);
await manager.send(0, { op: 3, d: { status: 'idle' } });
await until('a presence', () => received.some(({ op }) => op === 3));
await until('a heartbeat', () => heartbeats >= 1);

// The connection is lost; the client resumes at the address that it was told.
first.close(4000, 'unknown error');
await until('the resumption', () => resumes === 1);
assert.match(urls[1], /^\/resumed/);
assert.equal(received.find(({ op }) => op === 6).d.seq, 21);

const [second] = wss.clients;
const ended = next(second, 'close');
await within('destroy', manager.destroy());
assert.equal((await ended)[0], 1000);
await until('no clients', () => wss.clients.size === 0);
await closed(wss);
await closed(server);
