import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { expect, test } from 'vitest';
import { redisBus } from '../../src/topics/redis.ts';
import { describeBus } from './bus-rules.ts';
import { REDIS } from './engine.ts';

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
