// Elysia on Bun, with the handlers of wasock in its `Bun.serve`.

import { afterEach, expect, test } from 'vitest';
import { BUN, connect, endPrograms, exchange, Program, refusal } from '../examples/run-example.ts';
import { framework, serves, stops } from './framework-rules.ts';

afterEach(endPrograms);

test('server has a plain route, echoes, and ends by SIGTERM', async () => {
  const server = new Program(BUN, [framework('elysia/server.mjs'), '0']);
  const authority = await server.listens();
  await serves(authority, { answer: 'The echo is at /echo.' });
  expect(await refusal(`ws://${authority}/elsewhere`)).toBe('Unexpected server response: 404');
  const ws = await connect(`ws://${authority}/elysia`);
  expect(await exchange(ws, 'through the handlers of Elysia')).toBe('through the handlers of Elysia');
  ws.close();
  // With another reason, Bun itself closes with 1001 at `stop(true)`.
  await stops(server, authority, { reason: 'The server is stopping' });
});
