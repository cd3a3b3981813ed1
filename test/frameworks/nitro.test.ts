// Nitro, built as its command builds it. The build needs no network.

import { afterEach, expect, test } from 'vitest';
import { endPrograms, NODE, Program, refusal } from '../examples/run-example.ts';
import { framework, serves, stops } from './framework-rules.ts';

afterEach(endPrograms);

test('server has a plain route, echoes, and ends by SIGTERM', async () => {
  const build = new Program(NODE, [framework('node_modules/nitro/dist/cli/index.mjs'), 'build'], { cwd: framework('nitro') });
  expect(await build.ended(), build.errors).toBe(0);
  const server = new Program(NODE, [framework('nitro/.output/server/index.mjs')], {
    // Nitro's server does not react to SIGTERM where one of the last two is set.
    env: { HOST: '127.0.0.1', PORT: '0', TEST: '', CI: '' },
  });
  const authority = await server.listens();
  await serves(authority, { answer: 'The echo is at /echo.' });
  expect(await refusal(`ws://${authority}/elsewhere`)).toBe('Unexpected server response: 404');
  // Half a request head keeps the HTTP server open until Nitro's time-out of five seconds.
  await stops(server, authority, { errors: /Server closed successfully|Forcibly closing connections/ });
});
