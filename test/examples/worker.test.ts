// The worker in workerd, with its own configuration, as two bundlers leave it.

import { copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rollup, type Plugin } from 'rollup';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ROOT } from '../support/mini-runner/bundle.ts';
import { closing, connect, endPrograms, example, exchange, has, NODE, Program, WORKERD } from './run-example.ts';
import { bundleByEsbuild, serve } from './run-worker.ts';

interface Manifest {
  readonly exports: Readonly<Record<string, Readonly<Record<string, { readonly default: string }>>>>;
  readonly imports: Readonly<Record<string, { readonly default: string }>>;
}

/** Finds wasock by the condition of workerd, and leaves the codec's module to the runtime. */
const workerd: Plugin = {
  name: 'workerd',
  async resolveId(source) {
    if (source.endsWith('.wasm')) return { id: './core.wasm', external: 'absolute' };
    if (!/^(wasock|#)/.test(source)) return null;
    const { exports, imports } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as Manifest;
    if (source.startsWith('#')) return join(ROOT, imports[source].default);
    return join(ROOT, exports[source.replace('wasock', '.')]['workerd'].default);
  },
};

async function bundleByRollup(entry: string, folder: string): Promise<void> {
  const program = await rollup({ input: entry, external: /^cloudflare:/, plugins: [workerd] });
  await program.write({ file: join(folder, 'build/worker.js'), format: 'es' });
  await program.close();
  await copyFile(join(ROOT, 'dist/adapters/edge/core.wasm'), join(folder, 'build/core.wasm'));
}

const bundlers = [
  { name: 'esbuild', make: bundleByEsbuild },
  { name: 'Rollup', make: bundleByRollup },
];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wasock-worker-'));
});
afterEach(endPrograms);
afterAll(() => rm(folder, { recursive: true }));

describe.runIf(has(WORKERD)).each(bundlers)('worker bundled by $name', ({ name, make }) => {
  let home: string;
  beforeAll(async () => {
    home = join(folder, name);
    await mkdir(home);
    await make(example('worker/worker.mjs'), home);
  });

  test('worker echoes text and bytes', async () => {
    const { worker, authority } = await serve(home, 'ws://127.0.0.1:1/');
    expect(await (await fetch(`http://${authority}/`)).text()).toBe('Open a WebSocket here, or GET /ask.\n');
    const ws = await connect(`ws://${authority}/`);
    expect(await exchange(ws, 'grüß dich')).toBe('grüß dich');
    expect(await exchange(ws, Buffer.of(0, 128, 255))).toEqual(Buffer.of(0, 128, 255));
    const closed = closing(ws);
    ws.close(3000, 'bye');
    expect(await closed).toEqual([3000, 'bye']);
    expect(worker.errors).toBe('');
    expect(await worker.end('SIGKILL')).toBe('SIGKILL');
  });

  test('worker asks another server, and says so when there is none', async () => {
    const upstream = new Program(NODE, [example('echo/server.mjs'), '0']);
    const { authority } = await serve(home, `ws://${await upstream.listens()}/`);
    const answer = await fetch(`http://${authority}/ask`);
    expect([answer.status, await answer.text()]).toEqual([200, 'hello from a worker']);
    expect(await upstream.end('SIGINT')).toBe(0);
    const failure = await fetch(`http://${authority}/ask`);
    expect([failure.status, await failure.text()]).toEqual([502, 'No answer: 1006']);
  });
});
