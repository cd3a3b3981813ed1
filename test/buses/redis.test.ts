import { expect, test } from 'vitest';
import { redisBus } from '../../src/topics/redis.ts';
import { describeBus } from './bus-rules.ts';
import { KINDS } from './kinds.ts';

describeBus(KINDS.redis);
describeBus(KINDS.ioredis);

test('a client of another kind is an error', async () => {
  const events = { deliver() {}, onLost() {}, onRestored() {} };
  await expect(redisBus({ on() {} }).connect('x'.repeat(16), events)).rejects.toThrow(TypeError);
});
