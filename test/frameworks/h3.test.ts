// h3, whose WebSockets are those of crossws.

import { afterEach, expect, test } from 'vitest';
import { endPrograms, NODE, Program, refusal } from '../examples/run-example.ts';
import { framework, serves, stops } from './framework-rules.ts';

afterEach(endPrograms);

test('server has a plain route, echoes, and ends by SIGTERM', async () => {
  const server = new Program(NODE, [framework('h3/server.mjs'), '0']);
  const authority = await server.listens();
  await serves(authority, { answer: 'The echo is at /echo.' });
  expect(await refusal(`ws://${authority}/elsewhere`)).toBe('Unexpected server response: 404');
  await stops(server, authority);
});
