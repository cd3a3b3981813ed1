// graphql-ws: its server on a WebSocketServer, its client with WebSocket as the implementation.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildSchema } from 'graphql';
import { CloseCode, createClient } from 'graphql-ws';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocket, WebSocketServer } from 'ws';
import { assertWs, closed, listen, next, until, within } from './program-runner.mjs';

assertWs(import.meta.url, ['graphql-ws']);

const schema = buildSchema(`
  type Query { hello(name: String!): String }
  type Subscription { count(to: Int!): Int, forever: Int }
`);
let endedForever = 0;
const roots = {
  query: { hello: ({ name }) => `Hello ${name}` },
  subscription: {
    async *count({ to }) {
      for (let count = 1; count <= to; count++) {
        await sleep(0);
        yield { count };
      }
    },
    async *forever() {
      try {
        for (let forever = 0; ; forever++) {
          yield { forever };
          await sleep(1);
        }
      } finally {
        endedForever++;
      }
    },
  },
};

const { server, host } = await listen();
const address = `ws://${host}/graphql`;
const wss = new WebSocketServer({ server, path: '/graphql' });
const closes = [];
const disposable = useServer(
  {
    schema,
    roots,
    connectionInitWaitTimeout: 2000,
    onConnect: ({ connectionParams }) => connectionParams?.token !== 'wrong',
    onClose: (_context, code, reason) => closes.push([code, reason]),
  },
  wss,
  300,
);

function clientOf(options = {}) {
  return createClient({ url: address, webSocketImpl: WebSocket, retryWait: () => Promise.resolve(), ...options });
}

async function resultsOf(client, query) {
  const results = [];
  for await (const result of client.iterate({ query })) results.push(result);
  return results;
}

async function queriesAndSubscribes() {
  const client = clientOf({ lazy: true, lazyCloseTimeout: 0, connectionParams: { token: 'right' } });
  const opened = new Promise((resolve) => client.on('connected', resolve));
  assert.deepEqual(JSON.parse(JSON.stringify(await resultsOf(client, '{ hello(name: "Zoë") }'))), [
    { data: { hello: 'Hello Zoë' } },
  ]);
  const socket = await opened;
  assert.equal(socket.protocol, 'graphql-transport-ws');
  assert.ok(socket instanceof WebSocket);

  const counts = await resultsOf(client, 'subscription { count(to: 100) }');
  assert.deepEqual(
    counts.map(({ data }) => data.count),
    Array.from({ length: 100 }, (_value, index) => index + 1),
  );
  const long = 'x'.repeat(300_000);
  const [{ data }] = await resultsOf(client, `{ hello(name: "${long}") }`);
  assert.equal(data.hello, `Hello ${long}`);
  await assert.rejects(resultsOf(client, '{ unknown }'), ([error]) => /Cannot query field/.test(error.message));

  for await (const result of client.iterate({ query: 'subscription { forever }' })) if (result.data.forever === 3) break;
  await until('end of the subscription', () => endedForever === 1);
  await client.dispose();
  await until('close of the connection', () => wss.clients.size === 0);
  assert.deepEqual(closes.at(-1), [1000, 'Normal Closure']);
}

async function reconnects() {
  const client = clientOf({ keepAlive: 10, retryAttempts: 5 });
  let pongs = 0;
  let connected = 0;
  client.on('pong', () => pongs++);
  client.on('connected', () => connected++);
  const values = [];
  const stop = client.subscribe(
    { query: 'subscription { forever }' },
    { next: ({ data }) => values.push(data.forever), error: assert.fail, complete: () => {} },
  );
  await until('first values', () => values.length > 2 && pongs > 0);
  const [first] = wss.clients;
  first.terminate();
  await until('the second connection', () => connected === 2 && values.filter((value) => value === 0).length === 2);
  assert.deepEqual(closes.at(-1), [1006, '']);
  stop();
  await client.dispose();
  await until('close of the connection', () => wss.clients.size === 0);
}

/** Closes with which the server answers clients that do not keep to the protocol. */
async function refuses() {
  const wrong = clientOf({ connectionParams: { token: 'wrong' }, retryAttempts: 0 });
  await assert.rejects(
    resultsOf(wrong, '{ hello(name: "x") }'),
    (event) => event.code === CloseCode.Forbidden && event.reason === 'Forbidden',
  );

  const closeOf = async (protocol, message) => {
    const ws = new WebSocket(address, protocol);
    const ended = next(ws, 'close');
    await next(ws, 'open');
    if (message !== undefined) ws.send(message);
    const [code, reason] = await ended;
    return [code, reason.toString()];
  };
  assert.deepEqual(await closeOf('graphql-transport-ws', 'no JSON'), [CloseCode.BadRequest, 'Invalid message received']);
  assert.deepEqual(await closeOf('graphql-transport-ws'), [
    CloseCode.ConnectionInitialisationTimeout,
    'Connection initialisation timeout',
  ]);
  // The server's handleProtocols, set after construction, picks none of these; the client then refuses.
  const unknown = new WebSocket(address, 'unknown');
  const [error] = await next(unknown, 'error');
  assert.equal(error.message, 'Server sent no subprotocol');
}

async function survivesPings() {
  // The server pings every 300 ms and terminates who does not answer within as much.
  const quiet = new WebSocket(address, 'graphql-transport-ws');
  let pings = 0;
  quiet.on('ping', () => pings++);
  await next(quiet, 'open');
  quiet.send(JSON.stringify({ type: 'connection_init' }));
  await until('three pings', () => pings >= 3);
  assert.equal(quiet.readyState, WebSocket.OPEN);
  const mute = new WebSocket(address, 'graphql-transport-ws', { autoPong: false });
  const ended = next(mute, 'close');
  await next(mute, 'open');
  mute.send(JSON.stringify({ type: 'connection_init' }));
  assert.equal((await ended)[0], 1006);
  const goingAway = next(quiet, 'close');
  await within('dispose', disposable.dispose());
  const [code, reason] = await goingAway;
  assert.deepEqual([code, reason.toString()], [1001, 'Going away']);
}

await queriesAndSubscribes();
await reconnects();
await refuses();
await survivesPings();
await closed(server);
