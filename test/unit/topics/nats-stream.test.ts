// What a single server cannot show; test/buses/nats.test.ts has the rest.

import { expect, test } from 'vitest';
import { NatsStream } from '../../../src/topics/nats-stream.ts';

test.each([
  [1, true],
  [3, false],
])('a stream with %i replicas is taken: %s', async (replicas, isTaken) => {
  const settings = { name: 's', subjects: ['a.>'], republish: { src: 'a.>', dest: 'b.>' }, storage: 'file' } as const;
  const config = { ...settings, num_replicas: replicas, max_msgs_per_subject: -1, max_age: 0 };
  const manager = { streams: { info: () => Promise.resolve({ config }) } };
  const jetstream = {
    publish: () => Promise.resolve({ seq: 1 }),
    jetstreamManager: () => Promise.resolve(manager),
    consumers: {},
  };
  const stream = new NatsStream(jetstream, settings, 1000, (start) => start());
  const prepared = stream.prepare();
  if (isTaken) await prepared;
  else await expect(prepared).rejects.toThrow('must have one replica');
  expect(stream.isPrepared).toBe(isTaken);
});
