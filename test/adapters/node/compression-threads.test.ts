// Threads that compress at the same time: the DEFLATE module has one memory in each, so none reads the window of another one.
// The threads run the built package, because Node.js 20 starts no worker from TypeScript.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { PATIENCE } from '../../support/patience.ts';

const THREADS = 4;
const ENTRY = new URL('../../../dist/adapters/node/index.js', import.meta.url).href;

/** An echo server and two clients that exchange messages of their thread only; posts how many came back as they were. */
const PROGRAM = `
const { parentPort, workerData: { entry, seed } } = require('node:worker_threads');
const { once } = require('node:events');
(async () => {
  const { WebSocket, WebSocketServer } = await import(entry);
  const perMessageDeflate = { threshold: 0 };
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate });
  server.on('connection', (socket) => socket.on('message', (data, binary) => socket.send(data, { binary })));
  await once(server, 'listening');
  const url = 'ws://127.0.0.1:' + server.address().port;
  const clients = await Promise.all([0, 1].map(async (number) => {
    const client = new WebSocket(url, { perMessageDeflate });
    await once(client, 'open');
    return { client, number, same: 0 };
  }));
  const text = (number, index) => JSON.stringify({ seed, number, list: Array.from({ length: 60 }, (_, at) => (seed * 7919 + index * at) % 997) });
  await Promise.all(clients.map((each) => new Promise((resolve) => {
    const { client, number } = each;
    let index = 0;
    client.on('message', (data) => {
      if (String(data) === text(number, index)) each.same++;
      if (++index === 200) resolve();
      else client.send(text(number, index));
    });
    client.send(text(number, 0));
  })));
  for (const { client } of clients) client.close();
  await Promise.all(clients.map(({ client }) => once(client, 'close')));
  server.close();
  parentPort.postMessage({ extensions: clients[0].client.extensions, same: clients.map(({ same }) => same) });
})();
`;

test(
  'threads compress at the same time, each in a memory of its own',
  async () => {
    const workers = Array.from(
      { length: THREADS },
      (_, seed) => new Worker(PROGRAM, { eval: true, workerData: { entry: ENTRY, seed } }),
    );
    const answers = await Promise.all(
      workers.map(async (worker) => {
        const [message] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
        return message[0] as unknown;
      }),
    );
    const extensions = expect.stringContaining('permessage-deflate') as string;
    expect(answers).toEqual(Array.from({ length: THREADS }, () => ({ extensions, same: [200, 200] })));
  },
  2 * PATIENCE,
);
