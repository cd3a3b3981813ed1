// A server of topics over Redis as a program. The argument has the port to listen on, that of Redis, and a file from which the package `redis` is found. Writes its
// URL as a line. Shuts down at a line of its standard input, and writes its result.

import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { WebSocketServer } from '../../adapters/node/index.ts';
import { Topics, TOPICS_PROTOCOL } from '../../src/topics/index.ts';
import { redisBus, type RedisClient } from '../../src/topics/redis.ts';

interface Arguments {
  readonly port: number;
  readonly redisPort: number;
  readonly redisPackage: string;
}
interface Package {
  createClient(options: object): RedisClient & { connect(): Promise<unknown> };
}

const { port, redisPort, redisPackage } = JSON.parse(process.argv[2]) as Arguments;
const { createClient } = createRequire(redisPackage)('redis') as Package;
const client = createClient({ socket: { host: '127.0.0.1', port: redisPort, reconnectStrategy: 50 } });
(client as unknown as { on(event: string, listener: () => void): void }).on('error', () => {});
await client.connect();

const topics = new Topics({ bus: redisBus(client), history: { size: 10_000, ttl: 600_000 }, maxQueued: 1 << 20 });
await topics.ready;
const server = new WebSocketServer({ port, host: '127.0.0.1', handleProtocols: () => TOPICS_PROTOCOL });
server.on('connection', (ws) => topics.serve(ws, { authorize: () => true }));
server.on('listening', () => console.log(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`));

createInterface({ input: process.stdin }).on('line', () => {
  void server.shutdown({ timeout: 5000, spread: 200 }).then((result) => {
    console.log(JSON.stringify(result));
    process.exit();
  });
});
process.stdin.on('end', () => process.exit());
