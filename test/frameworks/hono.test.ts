// Hono: on Node.js, Deno and Bun by their own ways to a WebSocket, and bundled for workerd.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { BUN, DENO, endPrograms, NODE, Program, refusal } from '../examples/run-example.ts';
import { bundleByEsbuild, serve } from '../examples/run-worker.ts';
import { framework, serves, stops } from './framework-rules.ts';

afterEach(endPrograms);

const ANSWER = 'The echo is at /echo.';

const runtimes = [
  { name: 'Node.js', binary: NODE, args: [], file: 'hono/node.mjs' },
  { name: 'Deno', binary: DENO, args: ['run', '--no-prompt', '--allow-net=127.0.0.1'], file: 'hono/deno.mjs' },
  { name: 'Bun', binary: BUN, args: [], file: 'hono/bun.mjs' },
];

describe.each(runtimes)('Hono on $name', ({ name, binary, args, file }) => {
  test('server has a plain route, echoes, and ends by SIGTERM', async () => {
    const server = new Program(binary, [...args, framework(file), '0']);
    const authority = await server.listens();
    await serves(authority, { answer: ANSWER });
    expect((await fetch(`http://${authority}/echo`)).status).toBe(name === 'Node.js' ? 404 : 400);
    expect(await refusal(`ws://${authority}/elsewhere`)).toBe('Unexpected server response: 404');
    await stops(server, authority);
  });
});

describe('Hono in workerd', () => {
  test('worker has a plain route, and echoes', async () => {
    const home = await mkdtemp(join(tmpdir(), 'wasock-hono-'));
    try {
      await bundleByEsbuild(framework('hono/worker.mjs'), home);
      const { worker, authority } = await serve(home, '');
      await serves(authority, { answer: ANSWER });
      expect((await fetch(`http://${authority}/echo`)).status).toBe(400);
      expect(await refusal(`ws://${authority}/elsewhere`)).toBe('Unexpected server response: 404');
      expect(worker.errors).toBe('');
    } finally {
      await endPrograms();
      await rm(home, { recursive: true });
    }
  });
});
