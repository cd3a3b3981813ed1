// MQTT.js over ws:// to an aedes broker; both ends are streams made by createWebSocketStream.

import assert from 'node:assert/strict';
import { Aedes } from 'aedes';
import mqtt from 'mqtt';
import { createWebSocketStream, WebSocketServer } from 'ws';
import { assertWs, closed, listen, next, note, until, within } from './program-runner.mjs';

assertWs(import.meta.url, ['mqtt']);

/**
 * Makes read() return all that is there. From Node.js 26 it gives one chunk; aedes 1.2 reads once an event and would wait for ever
 * when two messages come together, with ws (uncompressed) as with us.
 */
function readsWhole(stream) {
  const { read } = stream;
  stream.read = (size) => {
    if (typeof size === 'number') return read.call(stream, size);
    const chunks = [];
    for (let chunk; (chunk = read.call(stream)) !== null;) chunks.push(chunk);
    return chunks.length === 0 ? null : Buffer.concat(chunks);
  };
  return stream;
}

const broker = await Aedes.createBroker();
const { server, host } = await listen();
const wss = new WebSocketServer({ server, path: '/mqtt', perMessageDeflate: { threshold: 512 } });
const seen = [];
wss.on('connection', (ws, request) => {
  seen.push({ protocol: ws.protocol, header: request.headers['x-sent'], extensions: ws.extensions });
  broker.handle(readsWhole(createWebSocketStream(ws)), request);
});

async function open(options = {}) {
  const client = mqtt.connect(`ws://${host}/mqtt`, { reconnectPeriod: 20, connectTimeout: 30_000, ...options });
  await next(client, 'connect');
  return client;
}

async function publishes(publisher, subscriber) {
  await subscriber.subscribeAsync('topic/#', { qos: 2 });
  for (const qos of [0, 1, 2]) {
    const message = next(subscriber, 'message');
    await publisher.publishAsync(`topic/${qos}`, `payload é ${qos}`, { qos });
    const [topic, payload, packet] = await message;
    assert.deepEqual([topic, payload.toString(), packet.qos], [`topic/${qos}`, `payload é ${qos}`, qos]);
  }
  // Long and many: the streams' buffers fill in both directions.
  const long = Buffer.from(Array.from({ length: 1_500_000 }, (_value, index) => (index * 7) % 256));
  const message = next(subscriber, 'message');
  await publisher.publishAsync('topic/long', long, { qos: 1 });
  assert.ok(long.equals((await message)[1]));

  const heard = [];
  subscriber.on('message', (_topic, payload) => heard.push(payload.readUInt32BE(0)));
  for (let index = 0; index < 500; index++) {
    const payload = Buffer.alloc(100 + (index % 900));
    payload.writeUInt32BE(index);
    // Not 0: aedes drops such messages when it is busy.
    publisher.publish('topic/many', payload, { qos: 1 });
  }
  await until('500 messages', () => heard.length === 500);
  assert.deepEqual(heard, [...heard.keys()]);
  subscriber.removeAllListeners('message');
}

async function keepsAndWills(publisher) {
  await publisher.publishAsync('kept', 'retained', { retain: true, qos: 1 });
  const late = await open();
  const kept = next(late, 'message');
  await late.subscribeAsync(['kept', 'will']);
  assert.equal((await kept)[1].toString(), 'retained');

  const dying = await open({ will: { topic: 'will', payload: Buffer.from('died'), qos: 1 }, reconnectPeriod: 0 });
  const will = next(late, 'message');
  dying.stream.destroy();
  assert.deepEqual((await will).slice(0, 2), ['will', Buffer.from('died')]);
  await dying.endAsync(true);
  await late.endAsync();
}

async function reconnects() {
  const client = await open({ clientId: 'again', clean: false });
  await client.subscribeAsync('again', { qos: 1 });
  const connected = next(client, 'connect');
  const lost = next(client, 'close');
  for (const ws of wss.clients) ws.terminate();
  await lost;
  await connected;
  const message = next(client, 'message');
  await client.publishAsync('again', 'still here', { qos: 1 });
  assert.equal((await message)[1].toString(), 'still here');
  await client.endAsync();
}

async function refuses() {
  const client = mqtt.connect(`ws://${host}/elsewhere`, { reconnectPeriod: 0 });
  const ended = next(client, 'close');
  const [error] = await next(client.stream, 'error');
  assert.equal(error.message, 'Unexpected server response: 400');
  await ended;
  await client.endAsync(true);
}

const publisher = await open({ wsOptions: { headers: { 'x-sent': 'by the client' } }, keepalive: 1 });
const subscriber = await open();
assert.equal(seen[0].protocol, 'mqtt');
assert.equal(seen[0].header, 'by the client');
note(`extensions: ${seen[0].extensions || 'none'}`);
await publishes(publisher, subscriber);
await keepsAndWills(publisher);
await publisher.endAsync();
await subscriber.endAsync();
await until('no clients', () => wss.clients.size === 0);
await reconnects();
await refuses();
await within('close of the broker', new Promise((resolve) => broker.close(resolve)));
await closed(wss);
await closed(server);
