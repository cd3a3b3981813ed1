// A user's worker as bundlers leave it: what is in it, and that it runs.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { Plugin } from 'esbuild';
import { rollup } from 'rollup';
import rollupEsbuild from 'rollup-plugin-esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from '../../../adapters/node/index.ts';
import { bundle, moduleFiles } from '../../support/mini-runner/bundle.ts';
import { hasWorkerd, startWorker, type RunningWorker } from '../../support/mini-runner/workerd.ts';

const PROGRAM = 'test/adapters/edge/user.program.ts';
/** How every module starts, in the text of our build and in base64: "\0asm". */
const INLINED_MODULE = /\(#5#G#A|AGFzb/;

async function bundleByRollup(entry: string): Promise<string> {
  const program = await rollup({
    input: entry,
    external: /^cloudflare:|\.wasm$/,
    // As "sideEffects" of package.json says to users' bundlers.
    treeshake: { moduleSideEffects: false },
    plugins: [rollupEsbuild({ target: 'es2022', minify: true, tsconfig: false })],
  });
  const { output } = await program.generate({ format: 'es', paths: (id) => id.replace(/^.*core\.wasm$/, './core.wasm') });
  return output[0].code;
}

const bundlers = [
  { name: 'esbuild', make: () => bundle(PROGRAM, { minify: true }) },
  { name: 'Rollup', make: () => bundleByRollup(PROGRAM) },
];

/** What a bundle imports. */
function importsOf(code: string): string[] {
  return [...code.matchAll(/\bfrom\s*["']([^"']+)["']/g)].map(([, name]) => name).toSorted();
}

describe.each(bundlers)('worker bundled by $name', ({ make }) => {
  let code: string;
  beforeAll(async () => {
    code = await make();
  });

  test('imports the sockets and the compiled codec, and no more', () => {
    expect(importsOf(code)).toEqual(['./core.wasm', 'cloudflare:sockets']);
  });

  test('carries no copy of the codec, and is small', () => {
    expect(code).not.toMatch(INLINED_MODULE);
    expect(code).not.toContain('node:');
    // The options gate and remoteAddress of upgrade() took 0.7 KB. The gate itself is not in it. Late timers took 0.03 KB, the part of
    // borrowMessages that is in the connection 0.45 KB, calls of a meter 0.5 KB. The meter is not in it. What reviewers found took 1.0 KB:
    // the order of writes to `_socket`, borrowed messages that a program keeps, failing messages in a turn, the longest text, checks of options,
    // borrowed messages that are lost.
    expect(gzipSync(code).length).toBeLessThan(33_120);
  });

  describe.runIf(hasWorkerd)('in workerd', () => {
    let worker: RunningWorker;
    beforeAll(async () => {
      worker = await startWorker({ files: { 'worker.js': code, ...moduleFiles() } });
    });
    afterAll(() => worker.close());

    test('server echoes text and bytes', async () => {
      const ws = new WebSocket(`ws://127.0.0.1:${worker.port}/`);
      await once(ws, 'open');
      ws.send('hällo');
      expect(String((await once(ws, 'message'))[0])).toBe('hällo');
      ws.send(Uint8Array.of(1, 2, 255));
      expect((await once(ws, 'message'))[0]).toEqual(Buffer.of(1, 2, 255));
      ws.close(3000, 'done');
      expect((await once(ws, 'close'))[0]).toBe(3000);
    });

    test('client reaches a server', async () => {
      const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
      server.on('connection', (ws) => ws.on('message', (data) => ws.send(`echo of ${(data as Buffer).toString()}`)));
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const response = await fetch(`http://127.0.0.1:${worker.port}/?to=ws://127.0.0.1:${port}`);
      expect(await response.text()).toBe('echo of from the worker');
      for (const client of server.clients) client.terminate();
      server.close();
    });
  });
});

describe.runIf(hasWorkerd)('worker whose bundler makes no module of the codec', () => {
  test('runs on plain TypeScript', async () => {
    const text: Plugin = {
      name: 'text',
      setup(program) {
        program.onResolve({ filter: /\/core\.wasm$/ }, () => ({ path: 'core', namespace: 'text' }));
        program.onLoad({ filter: /./, namespace: 'text' }, () => ({ contents: 'export default "/core.wasm";' }));
      },
    };
    const code = await bundle(PROGRAM, { plugins: [text] });
    const worker = await startWorker({ files: { 'worker.js': code } });
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    server.on('connection', (ws) => ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary })));
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const response = await fetch(`http://127.0.0.1:${worker.port}/?to=ws://127.0.0.1:${port}`);
    expect(await response.text()).toBe('from the worker');
    for (const client of server.clients) client.terminate();
    server.close();
    await worker.close();
  });
});

describe('size', () => {
  test.each([
    // Gate, with limits, addresses and shutdown, took 5.4 KB here and in the next, metrics and the calls of observers 2.3 KB; the option heartbeat 0.15 KB, and
    // exceptions of several listeners 0.04 KB here; late timers 0.03 KB; the part of borrowMessages that is in the connection, and its
    // refusal, 0.45 KB here and in the next, and the loss of such a message 0.08 KB, input that comes within a listener 0.07 KB.
    ['adapters/edge/w3c.ts', 39_730],
    // broadcast that compresses once and the timers of the socket took 1.7 KB, our checks of the options of compression and the limits of
    // the zlib engine 0.7 KB, blocks for long messages 0.3 KB, the limit of compression's work in a turn 0.03 KB here and above.
    ['adapters/edge/index.ts', 55_480],
    // The engine alone: the module is imported.
    ['adapters/edge/deflate.ts', 5_000],
    ['adapters/browser/w3c.ts', 2_350],
    ['adapters/browser/index.ts', 3_790],
  ])('of %s, bundled, minified and compressed, is below %i bytes', async (entry, most) => {
    const code = await bundle(entry, { minify: true });
    console.info(`${entry}: ${code.length} bytes minified, ${gzipSync(code).length} with gzip`);
    expect(gzipSync(code).length).toBeLessThan(most);
    // Workers import their module.
    expect(code).not.toMatch(INLINED_MODULE);
  });

  // The modules are text in which gzip finds repetitions, also between the builds with and without SIMD. In base64 these had 5,108, 8,333 and 17,961 bytes.
  test.each([
    ['adapters/edge/inline-codec.ts', 4_510],
    ['adapters/edge/inline-deflate-module.ts', 6_790],
    ['src/deflate/index.ts', 11_570],
  ])('of %s, which carries its module, is below %i bytes', async (entry, most) => {
    const code = await bundle(entry, { minify: true });
    expect(code).toMatch(INLINED_MODULE);
    expect(gzipSync(code).length).toBeLessThan(most);
  });
});
