// The worker in workerd, with its own configuration, as two bundlers leave it. And the Hono app there and on Deno: one file for both.

import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rollup, type Plugin } from 'rollup';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ROOT } from '../support/mini-runner/bundle.ts';
import { closing, connect, DENO, endPrograms, example, exchange, has, NODE, Program, refusal, WORKERD } from './run-example.ts';

/** Bundles into `folder`/build, by the command in the worker's first comment. */
async function bundleByEsbuild(entry: string, folder: string): Promise<void> {
  const program = new Program(join(ROOT, 'node_modules/.bin/esbuild'), [
    entry,
    '--bundle',
    '--format=esm',
    '--conditions=workerd',
    '--external:cloudflare:*',
    '--loader:.wasm=copy',
    '--asset-names=[name]',
    `--outfile=${join(folder, 'build/worker.js')}`,
    '--log-level=warning',
  ]);
  expect([await program.ended(), program.errors]).toEqual([0, '']);
}

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

/** Starts workerd with the example's configuration on what is bundled, with `upstream` as the other server. */
async function serve(home: string, upstream: string): Promise<{ worker: Program; authority: string }> {
  await writeFile(join(home, 'worker.capnp'), await readFile(example('worker/worker.capnp')));
  const worker = new Program(WORKERD, ['serve', 'worker.capnp', '--socket-addr=http=127.0.0.1:0', '--control-fd=3'], {
    cwd: home,
    env: { UPSTREAM: upstream },
  });
  const [, port] = await worker.printed(/"event":"listen".*"port":(\d+)/);
  return { worker, authority: `127.0.0.1:${port}` };
}

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

/** What the Hono app does wherever it runs. */
async function judge(authority: string): Promise<void> {
  expect(await (await fetch(`http://${authority}/`)).text()).toBe('The echo is at /echo.');
  expect((await fetch(`http://${authority}/echo`)).status).toBe(426);
  expect(await refusal(`ws://${authority}/elsewhere`)).toBe('Unexpected server response: 404');
  const ws = await connect(`ws://${authority}/echo`);
  expect(await exchange(ws, 'grüß dich')).toBe('grüß dich');
  expect(await exchange(ws, Buffer.of(0, 128, 255))).toEqual(Buffer.of(0, 128, 255));
  const closed = closing(ws);
  ws.close(3000, 'bye');
  expect(await closed).toEqual([3000, 'bye']);
}

describe('Hono', () => {
  test.runIf(has(DENO))('app has plain routes and echoes on Deno', async () => {
    const args = ['serve', '--no-prompt', '--host', '127.0.0.1', '--port', '0', example('hono/app.mjs')];
    await judge(await new Program(DENO, args).listens());
  });

  test.runIf(has(WORKERD))('app has plain routes and echoes in workerd', async () => {
    const home = join(folder, 'hono');
    await mkdir(home);
    await bundleByEsbuild(example('hono/app.mjs'), home);
    const { worker, authority } = await serve(home, '');
    await judge(authority);
    expect(worker.errors).toBe('');
  });
});
