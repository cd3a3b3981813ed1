import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { redisBus, type RedisClient } from '../../src/topics/redis.ts';
import { describeBus } from './bus-rules.ts';
import { REDIS } from './engine.ts';

/** The members of the clients that these tests use. The packages are installed for them alone, so types are not taken from there. */
interface NodeRedis extends RedisClient {
  on(event: string, listener: () => void): unknown;
  connect(): Promise<unknown>;
  destroy(): void;
}
interface IoRedis extends RedisClient {
  on(event: string, listener: () => void): unknown;
  disconnect(): void;
}
const require = createRequire(import.meta.url);
const { createClient } = require('redis') as { createClient(options: object): NodeRedis };
const { Redis } = require('ioredis') as { readonly Redis: new (options: object) => IoRedis };

describeBus({
  name: 'Redis, by the package redis',
  engine: REDIS,
  async create(port) {
    const client = createClient({ socket: { host: '127.0.0.1', port, reconnectStrategy: 50 } });
    client.on('error', () => {});
    await client.connect();
    return { bus: redisBus(client), close: () => Promise.resolve(client.destroy()) };
  },
});

describeBus({
  name: 'Redis, by the package ioredis',
  engine: REDIS,
  create(port) {
    const client = new Redis({ host: '127.0.0.1', port, retryStrategy: () => 50 });
    client.on('error', () => {});
    return Promise.resolve({ bus: redisBus(client), close: () => Promise.resolve(client.disconnect()) });
  },
});

test('a client of another kind is an error', async () => {
  const events = { deliver() {}, onLost() {}, onRestored() {} };
  await expect(redisBus({ on() {} }).connect('x'.repeat(16), events)).rejects.toThrow(TypeError);
});
