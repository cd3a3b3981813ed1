// A server of topics over a bus as a program. The argument has the port to listen on, the kind of bus, the port of its engine, and a file from which the clients'
// packages are found. Writes its URL as a line. Shuts down at a line of its standard input, and writes its result.

import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { WebSocketServer } from '../../adapters/node/index.ts';
import { Topics, TOPICS_PROTOCOL } from '../../src/topics/index.ts';
import { KINDS, type BusKind, type KindName } from './kinds.ts';

interface Arguments {
  readonly port: number;
  readonly kind: KindName;
  readonly enginePort: number;
  readonly packages: string;
}

const { port, kind, enginePort, packages } = JSON.parse(process.argv[2]) as Arguments;
const made: BusKind = KINDS[kind];
const { bus } = await made.create(enginePort, createRequire(packages));

const topics = new Topics({
  bus,
  history: { size: 10_000, ttl: 600_000 },
  maxQueued: 1 << 20,
  ...(made.presence && { presence: { ttl: 2000 } }),
});
await topics.ready;
const server = new WebSocketServer({ port, host: '127.0.0.1', handleProtocols: () => TOPICS_PROTOCOL });
server.on('connection', (ws) => topics.serve(ws, { authorize: () => true }));
server.on('listening', () => console.log(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`));

createInterface({ input: process.stdin }).on('line', () => {
  void server.shutdown({ timeout: 30_000, spread: 200 }).then(async (result) => {
    await topics.close();
    console.log(JSON.stringify(result));
    process.exit();
  });
});
process.stdin.on('end', () => process.exit());
