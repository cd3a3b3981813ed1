// The package in workers and in other places without Node.js's modules, as each bundler finds it by its conditions.

import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { build as buildByEsbuild } from 'esbuild';
import { rollup } from 'rollup';
import { build as buildByVite } from 'vite';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket, WebSocketServer } from '../../dist/adapters/node/index.mjs';
import { startWorker } from '../support/mini-runner/workerd.ts';
import { buildByWebpack, HERE, NODE, project, run } from './consumer-project.mjs';

const require = createRequire(import.meta.url);

/** Echoes; GET /?to=URL sends a line to a server and answers with what comes back. */
const worker = (entry) => `
  import { upgrade, WebSocket } from '${entry}';
  export default {
    fetch(request) {
      if (request.headers.get('upgrade') === 'websocket') {
        const { response, socket } = upgrade(request);
        socket.binaryType = 'arraybuffer';
        socket.addEventListener('message', ({ data }) => socket.send(data));
        return response;
      }
      const ws = new WebSocket(new URL(request.url).searchParams.get('to'));
      return new Promise((resolve) => {
        ws.addEventListener('open', () => ws.send('from the worker'));
        ws.addEventListener('message', ({ data }) => (ws.close(), resolve(new Response(data))));
        ws.addEventListener('close', ({ code }) => resolve(new Response('closed with ' + code)));
      });
    },
  };`;

/** What the worker that listens there answers as a server, and as a client. */
async function talk(port) {
  const ws = new WebSocket(`ws://127.0.0.1:${port}/`);
  await once(ws, 'open');
  ws.send('echo');
  const [data] = await once(ws, 'message');
  ws.close();
  await once(ws, 'close');
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('connection', (socket) => socket.on('message', (line) => socket.send(line, { binary: false })));
  await once(server, 'listening');
  const response = await fetch(`http://127.0.0.1:${port}/?to=ws://127.0.0.1:${server.address().port}/`);
  const answer = await response.text();
  for (const client of server.clients) client.terminate();
  server.close();
  return [String(data), answer];
}
const TALK = ['echo', 'from the worker'];

const WORKER_CONDITIONS = ['workerd', 'worker', 'module', 'browser'];
const bundlers = {
  'Vite, as a server': (folder) =>
    buildByVite({
      root: folder,
      configFile: false,
      logLevel: 'error',
      ssr: { noExternal: true, target: 'webworker', resolve: { conditions: WORKER_CONDITIONS } },
      build: { ssr: 'worker.mjs', outDir: 'out', rollupOptions: { external: /^(cloudflare|node):/ } },
    }),
  'Vite, as a library': (folder) =>
    buildByVite({
      root: folder,
      configFile: false,
      logLevel: 'error',
      resolve: { conditions: WORKER_CONDITIONS },
      build: {
        outDir: 'out',
        lib: { entry: 'worker.mjs', formats: ['es'], fileName: 'worker' },
        rollupOptions: { external: /^(cloudflare|node):/ },
      },
    }),
  webpack: (folder) =>
    buildByWebpack(folder, {
      target: 'webworker',
      entry: './worker.mjs',
      resolve: { conditionNames: ['workerd', '...'] },
      experiments: { outputModule: true },
      externalsType: 'module',
      externals: [/^(cloudflare|node):/],
      output: { path: join(folder, 'out'), filename: 'worker.mjs', library: { type: 'module' } },
    }),
  Rollup: async (folder) => {
    const { default: resolve } = require('@rollup/plugin-node-resolve');
    const bundle = await rollup({
      input: join(folder, 'worker.mjs'),
      external: /^(cloudflare|node):/,
      plugins: [resolve({ exportConditions: ['workerd'] })],
    });
    await bundle.write({ file: join(folder, 'out/worker.mjs') });
  },
  'esbuild with its own conditions': (folder) =>
    buildByEsbuild({
      absWorkingDir: folder,
      entryPoints: ['worker.mjs'],
      outdir: 'out',
      bundle: true,
      format: 'esm',
      conditions: ['workerd'],
      external: ['cloudflare:*', 'node:*'],
      loader: { '.wasm': 'copy' },
      assetNames: '[name]',
    }),
};

/** The files of a folder by name, the worker first. */
function filesIn(folder) {
  const names = readdirSync(folder).filter((name) => /\.(m?js|wasm)$/.test(name));
  const sorted = names.toSorted((one, other) => Number(one.endsWith('.wasm')) - Number(other.endsWith('.wasm')));
  return Object.fromEntries(sorted.map((name) => [name, readFileSync(join(folder, name))]));
}

describe.each(Object.keys(bundlers))('a worker bundled by %s', (name) => {
  test.each([
    ['wasock/w3c', [], undefined],
    ['wasock/w3c', [], '2023-01-01'],
    ['wasock', ['nodejs_compat'], undefined],
  ])('with %s and the flags %j runs in workerd at the date %s', async (entry, flags, compatibilityDate) => {
    const folder = project({ files: { 'worker.mjs': worker(entry) } });
    await bundlers[name](folder);
    const running = await startWorker({ files: filesIn(join(folder, 'out')), flags, compatibilityDate });
    try {
      expect(await talk(running.port)).toEqual(TALK);
      expect(running.output()).not.toContain('rror');
    } finally {
      await running.close();
    }
  });
});

describe('wrangler and miniflare', () => {
  /** Serves a bundle until its standard input ends. */
  const MINIFLARE = `
    import { readFileSync, readdirSync } from 'node:fs';
    import { createRequire } from 'node:module';
    const { Miniflare } = createRequire(process.argv[2])('miniflare');
    const files = readdirSync('out').filter((name) => /\\.(js|wasm)$/.test(name));
    const contentsOf = (name) => (name.endsWith('.wasm') ? new Uint8Array(readFileSync('out/' + name)) : readFileSync('out/' + name, 'utf8'));
    const moduleOf = (name) => ({ type: name.endsWith('.wasm') ? 'wasm' : 'esm', contents: contentsOf(name) });
    const modules = Object.fromEntries(files.map((name) => [name, moduleOf(name)]));
    const manifest = { mainModule: 'worker.js', modulesRoot: process.cwd() + '/out', modules };
    const config = { name: 'worker', manifest, ...JSON.parse(process.argv[3]) };
    const miniflare = new Miniflare({ host: '127.0.0.1', port: 0, workers: [{ config }] });
    console.log((await miniflare.ready).port);
    process.stdin.resume().on('end', () => miniflare.dispose());`;

  test.each([
    ['wasock/w3c', []],
    ['wasock', ['nodejs_compat']],
  ])('bundle and run a worker with %s and the flags %j', async (entry, flags) => {
    const settings = { compatibility_date: '2026-01-01', compatibility_flags: flags };
    const files = {
      'worker.mjs': worker(entry),
      'serve.mjs': MINIFLARE,
      'wrangler.json': JSON.stringify({ name: 'worker', main: 'worker.mjs', ...settings }),
    };
    const folder = project({ files });
    const wrangler = join(HERE, 'node_modules/wrangler/bin/wrangler.js');
    const env = { PATH: `${join(NODE[24], '..')}:${process.env.PATH}`, WRANGLER_SEND_METRICS: 'false', HOME: folder, CI: '1' };
    await run(folder, NODE[24], [wrangler, 'deploy', '--dry-run', '--outdir', 'out'], env);
    const { spawn } = await import('node:child_process');
    const compatibility = JSON.stringify({ compatibilityDate: '2026-01-01', compatibilityFlags: flags });
    const child = spawn(NODE[24], ['serve.mjs', import.meta.filename ?? HERE, compatibility], {
      cwd: folder,
      env: { ...process.env, ...env },
    });
    onTestFinished(() => child.kill('SIGKILL'));
    let output = '';
    child.stderr.setEncoding('utf8').on('data', (text) => (output += text));
    const port = await Promise.race([
      once(child.stdout, 'data').then(([text]) => Number(text)),
      once(child, 'exit').then(() => Promise.reject(new Error(output))),
    ]);
    expect(await talk(port)).toEqual(TALK);
    child.stdin.end();
    await once(child, 'exit');
  });
});

describe('without Node.js', () => {
  const PROGRAM = `
    import main, { upgrade, WebSocketServer } from 'wasock';
    import { WebSocket } from 'wasock/w3c';
    const required = require('wasock');
    const messages = [upgrade, () => new WebSocketServer(), required.upgrade].map((call) => {
      try { call(); } catch (error) { return error.message; }
    });
    globalThis.result = { isOne: required === main && main === WebSocket && required.upgrade === upgrade, messages };`;

  /** What a bundle does where there is a WebSocket, and nothing of Node.js. */
  function resultOf(code, globals = {}) {
    const { runInNewContext } = require('node:vm');
    const context = { WebSocket: class {}, ...globals };
    runInNewContext(code, context);
    return context.result;
  }

  test.each(['react-native', 'netlify', 'edge-light', 'worker', 'browser'])(
    'the condition %s has a class over the native one',
    async (condition) => {
      const folder = project({ files: { 'program.js': PROGRAM } });
      for (const conditions of [[condition], [condition, 'module']]) {
        const options = { bundle: true, write: false, format: 'iife', platform: 'neutral', conditions };
        const { outputFiles } = await buildByEsbuild({ absWorkingDir: folder, entryPoints: ['program.js'], ...options });
        const { messages, isOne } = resultOf(outputFiles[0].text);
        // Without "module" the two ways are two files, which only a bundler joins.
        expect(isOne).toBe(conditions.length === 2);
        expect(messages.map(String)).toEqual([
          expect.stringContaining('"workerd"'),
          expect.stringContaining('listen'),
          messages[0],
        ]);
      }
    },
  );

  test('webpack makes a web worker', async () => {
    const folder = project({ files: { 'program.js': PROGRAM } });
    await buildByWebpack(folder, { target: 'webworker', entry: './program.js' });
    expect(resultOf(readFileSync(join(folder, 'out.cjs'), 'utf8'), { self: {} }).isOne).toBe(true);
  });
});

test.each(['electron-main', 'node'])('webpack makes a program of Node.js for the target %s', async (target) => {
  const program = `
    import { WebSocketServer } from 'wasock';
    console.log(WebSocketServer === require('wasock').Server);`;
  const folder = project({ files: { 'program.js': program } });
  await buildByWebpack(folder, { target, entry: './program.js' });
  expect(await run(folder, process.execPath, ['out.cjs'])).toBe('true');
});
