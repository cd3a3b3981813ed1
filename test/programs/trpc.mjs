// tRPC: its ws adapter on a WebSocketServer, wsLink with WebSocket as the client.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTRPCClient, createWSClient, wsLink } from '@trpc/client';
import { initTRPC, tracked, TRPCError } from '@trpc/server';
import { applyWSSHandler } from '@trpc/server/adapters/ws';
import { WebSocket, WebSocketServer } from 'ws';
import { assertWs, closed, next, until, within } from './program-runner.mjs';

assertWs(import.meta.url, ['@trpc/server'], ['@trpc/client']);

const t = initTRPC.context().create();
const text = (value) => {
  if (typeof value !== 'string') throw new Error('text expected');
  return value;
};
let stopped = 0;
const resumedFrom = [];
const router = t.router({
  hello: t.procedure.input(text).query(({ input, ctx }) => `Hello ${input}, ${ctx.token} from ${ctx.address}`),
  refuse: t.procedure.mutation(() => {
    throw new TRPCError({ code: 'FORBIDDEN', message: 'not you' });
  }),
  count: t.procedure
    .input((value) => value)
    .subscription(async function* count({ input, signal }) {
      resumedFrom.push(input?.lastEventId);
      let index = Number(input?.lastEventId ?? -1);
      try {
        while (!signal.aborted) {
          index++;
          yield tracked(String(index), index);
          await sleep(1);
        }
      } finally {
        stopped++;
      }
    }),
});

const wss = new WebSocketServer({ port: 0, host: '127.0.0.1' });
await next(wss, 'listening');
const handler = applyWSSHandler({
  wss,
  router,
  createContext: ({ info, req }) => ({ token: info.connectionParams?.token, address: req.socket.remoteAddress }),
  keepAlive: { enabled: true, pingMs: 20, pongWaitMs: 20_000 },
});
const url = `ws://127.0.0.1:${wss.address().port}`;

let opens = 0;
const closes = [];
const connection = createWSClient({
  url,
  WebSocket,
  connectionParams: { token: 'token' },
  retryDelayMs: () => 10,
  keepAlive: { enabled: true, intervalMs: 20, pongTimeoutMs: 20_000 },
  onOpen: () => opens++,
  onClose: (cause) => closes.push(cause?.code),
});
const client = createTRPCClient({ links: [wsLink({ client: connection })] });

async function calls() {
  assert.equal(await client.hello.query('Zoë'), 'Hello Zoë, token from 127.0.0.1');
  const names = Array.from({ length: 200 }, (_value, index) => `n${index}`);
  assert.deepEqual(
    await Promise.all(names.map((name) => client.hello.query(name))),
    names.map((name) => `Hello ${name}, token from 127.0.0.1`),
  );
  const long = 'é'.repeat(300_000);
  assert.equal((await client.hello.query(long)).length, long.length + 'Hello , token from 127.0.0.1'.length);
  await assert.rejects(client.refuse.mutate(), { message: 'not you', name: 'TRPCClientError' });
  await assert.rejects(client.hello.query(1), /text expected/);
}

/** A subscription goes on, from where it was, when the connection is lost and made again. */
async function subscribes() {
  const values = [];
  const subscription = client.count.subscribe(undefined, { onData: ({ data }) => values.push(data), onError: assert.fail });
  await until('values', () => values.length >= 10);
  for (const ws of wss.clients) ws.terminate();
  await until('the second connection', () => opens === 2 && resumedFrom.length === 2);
  const before = values.length;
  await until('more values', () => values.length >= before + 10);
  assert.deepEqual(values, [...values.keys()]);
  assert.deepEqual(closes, [1006]);
  assert.equal(resumedFrom[0], undefined);

  handler.broadcastReconnectNotification();
  await until('the third connection', () => opens === 3);
  const third = values.length;
  await until('more values', () => values.length >= third + 10);
  subscription.unsubscribe();
  await until('end of the subscriptions', () => stopped === 3);
}

await calls();
await subscribes();
await within('close of the client', connection.close());
await until('no clients', () => wss.clients.size === 0);
await closed(wss);
