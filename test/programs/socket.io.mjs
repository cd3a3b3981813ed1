// socket.io, server and client, by WebSocket alone: namespaces, rooms, acknowledgements, binary, compression, limits, reconnection.

import assert from 'node:assert/strict';
import { Server } from 'socket.io';
import { assertWs, closed, listen, load, next, note, until } from './program-runner.mjs';

assertWs(
  import.meta.url,
  ['socket.io', 'engine.io'],
  ['socket.io', 'socket.io-adapter'],
  ['socket.io-client', 'engine.io-client'],
);
const { io: connect } = await load(import.meta.url, 'socket.io-client');

let io;
let host;
const clients = [];

function open(path = '/', options = {}) {
  const client = connect(`http://${host}${path}`, {
    transports: ['websocket'],
    forceNew: true,
    reconnectionDelay: 10,
    reconnectionDelayMax: 20,
    ...options,
  });
  clients.push(client);
  return client;
}

/** Opens a client and waits until it is connected. Returns both ends: the server's knows of the connection before the client's. */
async function pair(path = '/', options = {}) {
  const client = open(path, options);
  await next(client, 'connect');
  return [io.of(path).sockets.get(client.id), client];
}

async function exchangesEvents(socket, client) {
  assert.equal(socket.handshake.address, '127.0.0.1');
  assert.equal(socket.handshake.headers['x-sent'], 'by the client');
  assert.equal(socket.handshake.auth.token, 'secret');
  socket.on('echo', (...values) => values.pop()(...values));
  const bytes = Buffer.from(Array.from({ length: 300_000 }, (_value, index) => index % 251));
  const long = 'é🙂 text '.repeat(20_000);
  assert.deepEqual(await client.timeout(30_000).emitWithAck('echo', { long, list: [1, null, true] }), {
    long,
    list: [1, null, true],
  });
  assert.deepEqual(await client.timeout(30_000).emitWithAck('echo', { deep: [bytes, new Uint8Array([1, 2])] }), {
    deep: [bytes, Buffer.from([1, 2])],
  });
  assert.equal(await client.timeout(30_000).emitWithAck('echo', ''), '');

  client.on('add', (one, two, answer) => answer(one + two));
  assert.equal(await socket.timeout(30_000).emitWithAck('add', 2, 3), 5);
  await assert.rejects(socket.timeout(50).emitWithAck('nobody answers'), /timed out/);

  const seen = [];
  client.on('number', (value) => seen.push(value));
  for (let index = 0; index < 500; index++) socket.compress(index % 2 === 0).emit('number', index);
  await until('500 events', () => seen.length === 500);
  assert.deepEqual(seen, [...seen.keys()]);
}

async function broadcastsToRooms() {
  const members = [await pair(), await pair(), await pair()];
  const heard = members.map(() => []);
  members.forEach(([, client], index) => client.on('news', (value) => heard[index].push(value)));
  await members[0][0].join('room');
  await members[1][0].join('room');
  io.to('room').emit('news', 'room');
  members[0][0].to('room').emit('news', 'others of the room');
  members[2][0].broadcast.emit('news', 'all but the third');
  io.except('room').emit('news', Buffer.from('bytes'));
  await until('news', () => heard[0].length === 2 && heard[1].length === 3 && heard[2].length === 1);
  assert.deepEqual(heard, [
    ['room', 'all but the third'],
    ['room', 'others of the room', 'all but the third'],
    [Buffer.from('bytes')],
  ]);
  members[0][1].on('ask', (answer) => answer(1));
  members[1][1].on('ask', (answer) => answer(2));
  assert.deepEqual((await io.to('room').timeout(30_000).emitWithAck('ask')).sort(), [1, 2]);
  io.in('room').disconnectSockets(true);
  await until('members gone', async () => (await io.in('room').fetchSockets()).length === 0);
}

/** A broadcast's frame is encoded once, without compression, and each socket's sender gets the same one. */
async function sendsEncodedBroadcasts(isExpected) {
  const members = [await pair(), await pair(), await pair()];
  const heard = members.map(() => []);
  const frames = [];
  for (const [index, [socket, client]] of members.entries()) {
    client.on('news', (value) => heard[index].push(value));
    const { _sender: sender } = socket.conn.transport.socket;
    const { sendFrame } = sender;
    sender.sendFrame = function (list, callback) {
      // ws sends its own frames by it as well.
      if (list.length === 2 && list[1].toString('latin1').startsWith('42["news"')) frames.push(list);
      return sendFrame.call(this, list, callback);
    };
  }
  const texts = ['first', 'é🙂'.repeat(100), 'x'.repeat(70_000)];
  for (const text of texts) io.emit('news', text);
  // Sent one by one, in between.
  for (const [socket] of members) socket.emit('news', 'own');
  io.emit('news', 'last');
  await until('news', () => heard.every((values) => values.length === 5));
  for (const values of heard) assert.deepEqual(values, [...texts, 'own', 'last']);
  const shared = new Set(frames.filter((list) => !list[1].includes('own')).map((list) => list[1]));
  if (isExpected) assert.equal(shared.size, 4, 'each broadcast is one frame for all');
  note(`frames of 4 broadcasts to 3 sockets: ${shared.size}`);
  for (const [socket] of members) socket.disconnect(true);
}

async function reconnects() {
  const [socket, client] = await pair();
  const { id } = client;
  socket.emit('seen');
  await next(client, 'seen');
  const [again, reason] = await Promise.all([
    next(client, 'connect'),
    next(client, 'disconnect'),
    next(io, 'connection'),
    // What a lost network looks like: no closing handshake.
    socket.conn.transport.socket.terminate(),
  ]);
  assert.deepEqual(again, []);
  assert.equal(reason[0], 'transport close');
  assert.ok(client.recovered);
  assert.equal(client.id, id);

  const gone = next(client, 'disconnect');
  client.io.engine.close();
  assert.equal((await gone)[0], 'forced close');
  client.disconnect();
  const [other, unreferenced] = await pair('/', { autoUnref: true });
  const reasons = next(other, 'disconnect');
  unreferenced.disconnect();
  assert.equal((await reasons)[0], 'client namespace disconnect');
}

async function refuses() {
  const refused = open('/', { query: { refuse: 1 }, reconnection: false });
  const [error] = await next(refused, 'connect_error');
  assert.equal(error.message, 'websocket error');
  assert.equal(error.description.message, 'Unexpected server response: 400');

  const [socket, client] = await pair('/', { reconnection: false });
  const ended = next(socket, 'disconnect');
  client.emit('too long', 'x'.repeat(1_000_001));
  assert.equal((await ended)[0], 'transport error');
}

async function run(perMessageDeflate) {
  const listening = await listen();
  const { server } = listening;
  host = listening.host;
  io = new Server(server, {
    transports: ['websocket'],
    perMessageDeflate,
    pingInterval: 50,
    cookie: { name: 'io', path: '/' },
    connectionStateRecovery: { maxDisconnectionDuration: 30_000 },
    allowRequest: (request, answer) => answer(null, !request.url.includes('refuse=1')),
  });
  const [socket, client] = await pair('/', { auth: { token: 'secret' }, extraHeaders: { 'x-sent': 'by the client' } });
  note(`extensions: ${client.io.engine.transport.ws.extensions || 'none'}`);
  await exchangesEvents(socket, client);
  io.of('/admin');
  const [admin, adminClient] = await pair('/admin');
  adminClient.emit('hello', 'admin');
  assert.deepEqual(await next(admin, 'hello'), ['admin']);
  await broadcastsToRooms();
  await sendsEncodedBroadcasts(perMessageDeflate === false);
  await reconnects();
  await refuses();
  for (const each of clients.splice(0)) each.disconnect();
  await closed(io);
  assert.equal(server.listening, false);
}

// Without compression socket.io encodes a broadcast's frame once and hands it to each socket's sender.
await run(false);
await run({ threshold: 256 });
