// Next.js with a custom server, in production and in development. The build needs no network.

import { mkdir, writeFile } from 'node:fs/promises';
import { afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { connect, endPrograms, NODE, Program, refusal } from '../examples/run-example.ts';
import { framework, serves, stops } from './framework-rules.ts';

afterEach(endPrograms);

const env = { NEXT_TELEMETRY_DISABLED: '1' };
const page = /WebSocket: (<!-- -->)?\/echo/;

async function serve(mode: 'production' | 'development'): Promise<{ server: Program; authority: string }> {
  const server = new Program(NODE, [framework('nextjs/server.mjs'), '0'], { env: { ...env, NODE_ENV: mode } });
  return { server, authority: await server.listens() };
}

describe('Next.js in production', () => {
  beforeAll(async () => {
    // The pages of a catch-all route have the path of the WebSocket, too.
    const route = framework('nextjs/app/[...slug]');
    await mkdir(route);
    await writeFile(`${route}/page.jsx`, 'export default function Page() { return null; }\n');
    const next = framework('node_modules/next/dist/bin/next');
    const build = new Program(NODE, [next, 'build', framework('nextjs')], { env });
    if ((await build.ended()) !== 0) throw new Error(build.errors);
  });

  test('server has its pages, echoes, and ends by SIGTERM', async () => {
    const { server, authority } = await serve('production');
    await serves(authority, { answer: page });
    expect(await refusal(`ws://${authority}/elsewhere`)).toBe('Unexpected server response: 404');
    expect(await refusal(`ws://${authority}/_next/hmr`)).toBe('Unexpected server response: 404');
    await stops(server, authority);
  });
});

test('server in development has its pages, echoes, reloads pages through its own WebSocket, and ends by SIGTERM', async () => {
  const { server, authority } = await serve('development');
  await serves(authority, { answer: page });
  const reloads = new WebSocket(`ws://${authority}/_next/hmr?id=test`, { origin: 'http://localhost' });
  onTestFinished(() => reloads.terminate());
  const types = new Set<unknown>();
  reloads.on('message', (data: Buffer, isBinary: boolean) => {
    if (!isBinary) types.add((JSON.parse(data.toString()) as { type: unknown }).type);
  });
  await expect.poll(() => [...types]).toContain('sync');
  const ws = await connect(`ws://${authority}/echo`);
  ws.terminate();
  await stops(server, authority);
});
