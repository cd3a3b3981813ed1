// @apollo/server beside graphql-ws on one HTTP server of Express: queries by HTTP, subscriptions by WebSocket.

import assert from 'node:assert/strict';
import { ApolloServer } from '@apollo/server';
import { ApolloServerPluginDrainHttpServer } from '@apollo/server/plugin/drainHttpServer';
import { expressMiddleware } from '@as-integrations/express5';
import express from 'express';
import { buildSchema } from 'graphql';
import { createClient } from 'graphql-ws';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocket, WebSocketServer } from 'ws';
import { assertWs, listen, until, within } from './program-runner.mjs';

assertWs(import.meta.url, ['graphql-ws']);

const schema = buildSchema(`
  type Query { last: String }
  type Mutation { say(text: String!): String }
  type Subscription { said: String }
`);
let last = null;
const listeners = new Set();
/** What was said from now on. An async generator would not end while it waits. */
function said() {
  const waiting = [];
  let wake;
  const listener = (text) => {
    const result = { value: { said: text }, done: false };
    if (wake === undefined) waiting.push(result);
    else wake(result);
    wake = undefined;
  };
  listeners.add(listener);
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next() {
      return waiting.length > 0 ? Promise.resolve(waiting.shift()) : new Promise((resolve) => (wake = resolve));
    },
    return() {
      listeners.delete(listener);
      const end = { value: undefined, done: true };
      wake?.(end);
      return Promise.resolve(end);
    },
  };
}
const roots = {
  query: { last: () => last },
  mutation: {
    say: ({ text }) => {
      last = text;
      for (const listener of listeners) listener(text);
      return text;
    },
  },
  subscription: { said },
};

const app = express();
const { server: http, host } = await listen();
http.on('request', app);
const wss = new WebSocketServer({ server: http, path: '/graphql' });
const subscriptions = useServer({ schema, roots }, wss);
const apollo = new ApolloServer({
  schema,
  rootValue: { ...roots.query, ...roots.mutation },
  plugins: [
    ApolloServerPluginDrainHttpServer({ httpServer: http }),
    { serverWillStart: () => Promise.resolve({ drainServer: () => subscriptions.dispose() }) },
  ],
});
await within('start', apollo.start());
app.use('/graphql', express.json(), expressMiddleware(apollo));

async function ask(query, variables) {
  const response = await fetch(`http://${host}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  assert.equal(errors, undefined);
  return data;
}

const client = createClient({ url: `ws://${host}/graphql`, webSocketImpl: WebSocket, retryAttempts: 0 });
const heard = [];
const failures = [];
const stop = client.subscribe(
  { query: 'subscription { said }' },
  { next: ({ data }) => heard.push(data.said), error: (error) => failures.push(error), complete: () => {} },
);
await until('the subscription', () => listeners.size === 1);
const texts = ['one', 'é'.repeat(10_000), 'three'];
for (const text of texts) {
  await within('a mutation', ask('mutation Say($text: String!) { say(text: $text) }', { text }));
}
await until('the texts', () => heard.length === texts.length);
assert.deepEqual(heard, texts);
assert.deepEqual(await within('a query', ask('{ last }')), { last: 'three' });
stop();
await until('the end of the subscription', () => listeners.size === 0);

// The drain of Apollo closes the sockets, too.
const open = client.iterate({ query: 'subscription { said }' });
const ending = assert.rejects(within('the end', open.next()), { code: 1001, reason: 'Going away' });
await until('another subscription', () => listeners.size === 1);
await within('stop', apollo.stop());
await ending;
assert.deepEqual(failures, []);
assert.equal(http.listening, false);
