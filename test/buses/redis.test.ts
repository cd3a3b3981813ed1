import { createRequire } from 'node:module';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Topics } from '../../src/topics/index.ts';
import { redisBus, type RedisClient } from '../../src/topics/redis.ts';
import { FakeSocket } from '../support/fake-topic-socket.ts';
import { describeBus } from './bus-rules.ts';
import { Engine } from './engine.ts';
import { KINDS } from './kinds.ts';

const load = createRequire(import.meta.url);

describeBus(KINDS.redis);
describeBus(KINDS.ioredis);

interface Admin {
  connect(): Promise<unknown>;
  destroy(): void;
  sendCommand(values: readonly string[]): Promise<unknown>;
}

describe.each([KINDS.redis, KINDS.ioredis])('scripts on $name', ({ engine: kind, create }) => {
  test('are sent by their SHA, and by their text after Redis has forgotten them', async () => {
    const engine = await Engine.start(kind);
    const { createClient } = load('redis') as { createClient(options: object): Admin };
    const admin = createClient({ socket: { host: '127.0.0.1', port: engine.port } });
    const { bus, close } = await create(engine.port, load);
    const topics = new Topics({ bus, history: { size: 1000, ttl: 60_000 } });
    onTestFinished(async () => {
      await topics.close();
      await close();
      admin.destroy();
      await engine.remove();
    });
    await admin.connect();
    await topics.ready;
    const socket = new FakeSocket();
    await topics.subscribe(socket, 't');
    await topics.publish('t', 'first');
    await admin.sendCommand(['CONFIG', 'RESETSTAT']);
    const expected = ['first'];
    for (let number = 0; number < 100; number++) {
      expected.push(`${number}`);
      if (number === 50) await admin.sendCommand(['SCRIPT', 'FLUSH']);
      await topics.publish('t', `${number}`);
    }
    await expect.poll(() => socket.received).toEqual(expected);
    const stats = String(await admin.sendCommand(['INFO', 'commandstats']));
    const calls = (command: string): number => Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1]);
    expect([calls('eval'), calls('evalsha')]).toEqual([1, 100]);
  });
});

test('a client of another kind is an error', async () => {
  const events = { deliver() {}, onLost() {}, onRestored() {} };
  await expect(redisBus({ on() {} }).connect('x'.repeat(16), events)).rejects.toThrow(TypeError);
  const { createSentinel } = load('redis') as { createSentinel(options: object): RedisClient };
  const sentinel = createSentinel({ name: 'main', sentinelRootNodes: [{ host: '127.0.0.1', port: 1 }] });
  await expect(redisBus(sentinel).connect('x'.repeat(16), events)).rejects.toThrow('"sentinels"');
});
