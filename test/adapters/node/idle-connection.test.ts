// Objects that an idle connection holds, in exact counts: what an upgraded socket without a WebSocket holds is the floor.

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { queryObjects } from 'node:v8';
import { expect, test } from 'vitest';
import { WebSocketServer } from '../../../adapters/node/index.ts';
import { Connection } from '../../../src/protocol/connection.ts';
import { ConnectionSettings } from '../../../src/protocol/settings.ts';
import { acceptanceHead } from '../../support/sockets.ts';

const HELD = 40;
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const REQUEST = `GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n`;

const counted = { functions: Function, arrays: Array, connections: Connection, settings: ConnectionSettings };
type Counts = Record<keyof typeof counted | 'timers', number>;

function count(): Counts {
  const timers = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const entries = Object.entries(counted).map(([name, constructor]) => [name, queryObjects(constructor, { format: 'count' })]);
  return { ...(Object.fromEntries(entries) as Omit<Counts, 'timers'>), timers };
}

async function open(server: Server, all: Socket[]): Promise<void> {
  const { port } = server.address() as AddressInfo;
  while (all.length < HELD) {
    const client = connect(port, '127.0.0.1');
    all.push(client);
    client.write(REQUEST);
    await once(client, 'readable');
    client.read();
  }
}

/** Counts of what is added by HELD open connections, both ends included. */
async function held(server: Server): Promise<Counts> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // What is made once, by the first connections, is not counted.
  const first: Socket[] = [];
  await open(server, first);
  const before = count();
  const more: Socket[] = [];
  await open(server, more);
  const after = count();
  for (const client of [...first, ...more]) client.destroy();
  server.closeAllConnections();
  server.close();
  return Object.fromEntries(
    Object.entries(after).map(([name, value]) => [name, value - before[name as keyof Counts]]),
  ) as Counts;
}

test('an idle connection has no functions, timers and settings of its own', async () => {
  const kept = new Set<object>();
  const bare = createServer().on('upgrade', (_request, socket) => {
    kept.add(socket.on('error', () => socket.destroy()));
    socket.write(acceptanceHead(KEY));
    socket.resume();
  });
  const floor = await held(bare);

  const server = createServer();
  const wss = new WebSocketServer({ server });
  wss.on('connection', (_ws, { socket }) => kept.add(socket));
  const ours = await held(server);
  const more = (name: keyof Counts): number => Math.round((ours[name] - floor[name]) / HELD);
  // The listener of the bare server is one function a socket.
  expect(more('functions')).toBe(-1);
  expect(more('timers')).toBe(0);
  expect(ours.settings).toBe(0);
  expect(ours.connections).toBe(HELD);
  // The two listeners of 'end', of which one is the socket's own.
  expect(more('arrays')).toBe(1);
});
