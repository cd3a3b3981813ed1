// The last words of a process reach its peer: `send` and `close` in the turn that ends it.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';
import { ROOT } from '../support/mini-runner/bundle.ts';
import { join } from 'node:path';
import { BUN, closing, connect, DENO, endPrograms, has, NODE, Program } from './run-example.ts';

const RUNTIMES = [
  { name: 'Node.js', binary: NODE, before: [] },
  { name: 'Deno', binary: DENO, before: ['run', '-A'] },
  { name: 'Bun', binary: BUN, before: [] },
].filter(({ binary }) => has(binary));

const ENDS = ['exit', 'throw', 'message-exit', 'message-throw', 'on-exit'];

afterEach(endPrograms);

/** What `ws` hears: messages, then the close code. */
function heardBy(ws: WebSocket): Promise<unknown[]> {
  const heard: unknown[] = [];
  ws.on('message', (data) => heard.push((data as Buffer).toString()));
  ws.on('error', () => {});
  return closing(ws).then(([code]) => [...heard, code]);
}

describe.each(RUNTIMES)('on $name', ({ binary, before }) => {
  const start = (side: string, end: string, library: string, url = ''): Program =>
    new Program(binary, [...before, join(ROOT, 'test/examples/last-words.mjs'), side, end, library, url]);

  test.each(ENDS)('a server that ends by %s', async (end) => {
    const program = start('server', end, 'wasock');
    const ws = await connect(`ws://${await program.listens()}/`);
    const heard = heardBy(ws);
    ws.send('end');
    expect(await heard).toEqual(['last', 'words', 1001]);
  });

  // Deno's own sockets, which clients have there, take one write and finish it later: too late for the second send of an 'exit' listener.
  test.each(ENDS.filter((end) => binary !== DENO || end !== 'on-exit'))('a client that ends by %s', async (end) => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    const connection = once(server, 'connection') as Promise<[WebSocket]>;
    start('client', end, 'wasock', `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const [ws] = await connection;
    const heard = heardBy(ws);
    ws.send('end');
    expect(await heard).toEqual(['last', 'words', 1001]);
    server.close();
  });
});
