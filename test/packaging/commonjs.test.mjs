// `require` and `import` of the package by every tool: the class with its statics, and the same one for both.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { build as buildByEsbuild } from 'esbuild';
import { rolldown } from 'rolldown';
import { rollup as rollup4 } from 'rollup';
import { build as buildByVite } from 'vite';
import { describe, expect, test } from 'vitest';
import { WebSocketServer } from '../../dist/adapters/node/index.mjs';
import { BUN, buildByWebpack, DENO, HERE, NODE, project, run } from './consumer-project.mjs';

const require = createRequire(import.meta.url);

/** A program of both kinds of modules. It prints what does not hold. */
const FILES = {
  'required.cjs': `
    exports.main = require('wasock');
    exports.w3c = require('wasock/w3c');
    exports.websocket = require('wasock/websocket');
    exports.classic = require('wasock/classic');
    exports.fibjs = require('wasock/fibjs');
    exports.jsh = require('wasock/jsh');
    exports.deflate = require('wasock/deflate');
    exports.Derived = class extends exports.main {};`,
  'imported.mjs': `
    export * as main from 'wasock';
    export * as w3c from 'wasock/w3c';
    export * as websocket from 'wasock/websocket';
    export * as classic from 'wasock/classic';
    export * as fibjs from 'wasock/fibjs';
    export * as jsh from 'wasock/jsh';
    export * as deflate from 'wasock/deflate';`,
  'program.mjs': `
    import required from './required.cjs';
    import * as imported from './imported.mjs';

    const faults = [];
    const check = (what, isTrue) => isTrue || faults.push(what);
    const WebSocket = required.main;
    check('class', typeof WebSocket === 'function');
    check('class for transpiled programs', WebSocket.__esModule === undefined && WebSocket.default === undefined);
    check('constants', WebSocket.OPEN === 1 && WebSocket.CLOSED === 3);
    check('itself', WebSocket.WebSocket === WebSocket && WebSocket === imported.main.default);
    check('classic', typeof required.classic.Server === 'function' && required.classic.CLOSED === 3);
    check('default of w3c', required.w3c.default === imported.w3c.default && required.w3c.OPEN === undefined);
    const packed = new required.deflate.Deflater().deflate(new Uint8Array(1000));
    check('deflate', packed.length < 50 && new imported.deflate.Inflater().inflate(packed).length === 1000);
    for (const [name, exports] of Object.entries(imported)) {
      for (const [key, value] of Object.entries(exports)) {
        if (key !== 'default' && key !== 'module.exports') check(name + ' ' + key, required[name][key] === value);
      }
    }
    const server = new WebSocket.Server({ port: 0, host: '127.0.0.1' });
    server.on('connection', (ws) => {
      check('connection', ws instanceof WebSocket);
      ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
    });
    server.on('listening', () => {
      const ws = new required.Derived('ws://127.0.0.1:' + server.address().port);
      check('instance', ws instanceof imported.main.WebSocket);
      ws.on('open', () => ws.send('echo'));
      ws.on('message', (data) => {
        ws.close();
        server.close();
        console.log([String(data), ...faults].join());
      });
    });`,
};

test('Deno runs it', async () => {
  expect(await run(project({ files: FILES }), DENO, ['run', '-A', '--node-modules-dir=manual', 'program.mjs'])).toBe('echo');
});

test('Bun runs it', async () => {
  expect(await run(project({ files: FILES }), BUN, ['program.mjs'])).toBe('echo');
});

const runs = Object.entries(NODE).flatMap(([version, binary]) => [
  [version, binary, []],
  [`${version} without require() of ES modules`, binary, ['--no-experimental-require-module']],
]);
test.each(runs)('Node.js %s runs it', async (_version, binary, args) => {
  const folder = project({ files: FILES });
  expect(await run(folder, binary, [...args, 'program.mjs'])).toBe('echo');
});

/** Rollup of either version, with the plugins that programs need. */
const byRollup = (rollup) => async (folder) => {
  const { default: commonjs } = require('@rollup/plugin-commonjs');
  const { default: resolve } = require('@rollup/plugin-node-resolve');
  const bundle = await rollup({
    input: join(folder, 'program.mjs'),
    plugins: [resolve({ exportConditions: ['node'], preferBuiltins: true }), commonjs()],
    external: /^node:/,
    onwarn(warning) {
      throw new Error(warning.message);
    },
  });
  await bundle.write({ file: join(folder, 'out.mjs'), format: 'es' });
};

const bundlers = {
  esbuild: (folder) =>
    buildByEsbuild({
      absWorkingDir: folder,
      entryPoints: ['program.mjs'],
      outfile: 'out.mjs',
      bundle: true,
      format: 'esm',
      platform: 'node',
      // Bundled CommonJS asks for Node.js's modules by require, which esbuild leaves to the environment.
      banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    }),
  'Rollup 3': byRollup(require('rollup-3').rollup),
  'Rollup 4': byRollup(rollup4),
  Rolldown: async (folder) => {
    const bundle = await rolldown({ input: join(folder, 'program.mjs'), platform: 'node' });
    await bundle.write({ file: join(folder, 'out.mjs'), format: 'esm' });
  },
  Vite: (folder) =>
    buildByVite({
      root: folder,
      configFile: false,
      logLevel: 'error',
      ssr: { noExternal: true },
      build: { ssr: 'program.mjs', outDir: '.', emptyOutDir: false, rollupOptions: { output: { entryFileNames: 'out.mjs' } } },
    }),
  webpack: (folder) => buildByWebpack(folder),
  'bun build': (folder) => run(folder, BUN, ['build', 'program.mjs', '--target=node', '--outfile=out.mjs']),
};

describe.each(Object.keys(bundlers))('%s', (name) => {
  test('bundles it', async () => {
    const folder = project({ files: FILES });
    await bundlers[name](folder);
    expect(await run(folder, process.execPath, [name === 'webpack' ? 'out.cjs' : 'out.mjs'])).toBe('echo');
  });
});

test('esbuild passes all exports on for ES2020', async () => {
  const folder = project({ files: { 'program.mjs': `export * from 'wasock'; export * from 'wasock/classic';` } });
  for (const platform of ['node', 'browser', 'neutral']) {
    const conditions = platform === 'neutral' ? ['bun'] : undefined;
    const options = { bundle: true, format: 'esm', target: 'es2020', platform, conditions, external: ['node:*'], write: false };
    const { outputFiles } = await buildByEsbuild({ absWorkingDir: folder, entryPoints: ['program.mjs'], ...options });
    expect(outputFiles[0].text).toContain('WebSocketServer');
  }
});

describe('jest', () => {
  const ENVIRONMENTS = {
    node: 'jest-environment-node',
    jsdom: 'jest-environment-jsdom',
    'happy-dom': '@happy-dom/jest-environment',
  };

  /** Runs one test file. The server that the class talks to is here. */
  async function runJest(environment, testFile, options = {}) {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    server.on('connection', (ws) => ws.on('message', (data) => ws.send(data, { binary: false })));
    await new Promise((resolve) => server.on('listening', resolve));
    try {
      const folder = project({ files: { 'it.test.js': testFile } });
      const config = {
        rootDir: folder,
        testEnvironment: require.resolve(ENVIRONMENTS[environment]),
        testTimeout: 120_000,
        ...options,
      };
      const jest = join(HERE, 'node_modules/jest/bin/jest.js');
      await run(folder, process.execPath, [jest, '--ci', '--config', JSON.stringify(config)], {
        URL_OF_SERVER: `ws://127.0.0.1:${server.address().port}/`,
      });
    } finally {
      for (const ws of server.clients) ws.terminate();
      server.close();
    }
  }

  const NODE_TEST = `
    const WebSocket = require('wasock');
    test('talks', async () => {
      const server = new WebSocket.Server({ port: 0, host: '127.0.0.1' });
      server.on('connection', (ws) => ws.on('message', (data) => ws.send(data)));
      await new Promise((resolve) => server.on('listening', resolve));
      const ws = new WebSocket('ws://127.0.0.1:' + server.address().port);
      await new Promise((resolve) => ws.on('open', resolve));
      ws.send(new Uint8Array([1, 2]));
      const data = await new Promise((resolve) => ws.on('message', resolve));
      expect([...data]).toEqual([1, 2]);
      ws.close();
      server.close();
      for (const name of ['w3c', 'websocket', 'classic', 'fibjs', 'jsh', 'reconnecting', 'testing', 'topics', 'topics/client', 'topics/local', 'topics/nats', 'topics/postgres', 'topics/redis', 'proxy']) expect(require('wasock/' + name)).toBeTruthy();
    });`;

  test('runs it in its Node.js environment', async () => {
    await runJest('node', NODE_TEST);
  });

  const KIT_TEST = `
    const { closeMockServers, createPair, matchers, MockServer } = require('wasock/testing');
    expect.extend(matchers);
    const before = globalThis.WebSocket;
    afterEach(() => {
      jest.useRealTimers();
      closeMockServers();
      expect(globalThis.WebSocket).toBe(before);
    });
    test('a mock server takes the global WebSocket', async () => {
      const server = new MockServer('ws://localhost/chat');
      const ws = new WebSocket('ws://localhost/chat', 'chat');
      const seen = [];
      ws.onmessage = ({ data }) => seen.push(data);
      const closed = new Promise((resolve) => (ws.onclose = ({ code, reason }) => resolve([code, reason])));
      const connection = await server.nextConnection();
      expect(ws.protocol).toBe('chat');
      ws.send('größe');
      ws.send(JSON.stringify({ type: 'x', n: 1 }));
      ws.send(new Uint8Array([1, 2, 255]));
      await expect(server).toReceive('größe');
      await expect(server).toReceive({ type: 'x', n: expect.any(Number) });
      await expect(connection).toReceive('größe');
      await server.nextMessage();
      expect(server).toHaveReceivedInOrder('größe', new Uint8Array([1, 2, 255]));
      expect(server).not.toHaveReceived('other');
      expect(() => expect(server).toHaveReceived('other')).toThrow('should have received "other"');
      connection.send('€ 𝄞');
      connection.close(4000, 'done');
      expect(await closed).toEqual([4000, 'done']);
      expect(seen).toEqual(['€ 𝄞']);
      expect(server).toHaveClosedWith(4000, 'done');
    });
    test('fake timers drive a heartbeat and a delay', async () => {
      jest.useFakeTimers();
      const { client, link } = await createPair({ client: { heartbeat: { interval: 1000, timeout: 500 } } });
      link.hold();
      await jest.advanceTimersByTimeAsync(1600);
      expect(client.readyState).toBe(3);
      const slow = new MockServer('ws://localhost/', { scripts: [{ delay: 100 }] });
      const ws = new WebSocket('ws://localhost/');
      await slow.nextConnection();
      await jest.advanceTimersByTimeAsync(99);
      expect(ws.readyState).toBe(0);
      await jest.advanceTimersByTimeAsync(1);
      expect(ws.readyState).toBe(1);
    });`;

  test.each(['node', 'jsdom', 'happy-dom'])('runs the test kit in its environment %s', async (environment) => {
    await runJest(environment, KIT_TEST);
  });

  test('drives heartbeat, closing and opening handshake by its fake timers', async () => {
    await runJest(
      'node',
      `
      const net = require('node:net');
      const WebSocket = require('wasock');
      const LONG = 1_000_000;
      const realSetTimeout = setTimeout;
      const pass = (time) => new Promise((resolve) => realSetTimeout(resolve, time));
      const until = async (holds) => { while (!holds()) await pass(5); };
      const listening = (server) => new Promise((resolve) => server.on('listening', () => resolve(server.address().port)));
      let server, port, peer;
      beforeEach(async () => {
        server = new WebSocket.Server({ port: 0, host: '127.0.0.1', autoPong: false });
        server.on('connection', (ws) => (peer = ws));
        port = await listening(server);
        jest.useFakeTimers();
      });
      afterEach(() => {
        jest.useRealTimers();
        for (const ws of server.clients) ws.terminate();
        server.close();
      });
      async function open(options) {
        const ws = new WebSocket('ws://127.0.0.1:' + port, options);
        ws.on('error', () => {});
        ws.on('close', (code) => (ws.code = code));
        await new Promise((resolve) => ws.on('open', resolve));
        return ws;
      }
      test('heartbeat', async () => {
        const ws = await open({ heartbeat: { interval: LONG, timeout: LONG } });
        await pass(50);
        expect(ws.readyState).toBe(WebSocket.OPEN);
        while (ws.code === undefined) {
          jest.advanceTimersByTime(LONG);
          await pass(5);
        }
        expect(ws.code).toBe(1006);
      });
      test.each([[() => jest.advanceTimersByTime(LONG), LONG], [() => jest.useRealTimers(), 50]])('closeTimeout', async (go, closeTimeout) => {
        const ws = await open({ closeTimeout });
        peer.pause();
        ws.close(1000);
        await pass(100);
        expect(ws.code).toBe(undefined);
        go();
        await until(() => ws.code === 1006);
      });
      test('handshakeTimeout', async () => {
        const mute = net.createServer((socket) => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1');
        const ws = new WebSocket('ws://127.0.0.1:' + (await listening(mute)), { handshakeTimeout: LONG });
        let message = '';
        ws.on('error', (error) => (message = error.message));
        await pass(100);
        expect(message).toBe('');
        jest.advanceTimersByTime(LONG);
        await until(() => message !== '');
        expect(message).toBe('Opening handshake has timed out');
        mute.close();
      });
      test('no message is held up', async () => {
        const ws = await open();
        ws.send('one');
        const data = await new Promise((resolve) => peer.on('message', resolve));
        expect(String(data)).toBe('one');
        ws.close(1000);
        await until(() => ws.code === 1000);
      });`,
    );
  });

  test('gives pages the class of browsers in its jsdom environment', async () => {
    await runJest(
      'jsdom',
      `
      const names = Object.getOwnPropertyNames(window.WebSocket);
      const WebSocket = require('wasock');
      test('talks', async () => {
        expect(Object.getOwnPropertyNames(window.WebSocket)).toEqual(names);
        expect(WebSocket.prototype).toBeInstanceOf(EventTarget);
        expect(() => new WebSocket.WebSocketServer()).toThrow('cannot listen');
        expect(require('wasock/w3c').WebSocket).toBe(WebSocket);
        expect(require('wasock/websocket').w3cwebsocket).toBeTruthy();
        const ws = new WebSocket(process.env.URL_OF_SERVER, { protocols: [] });
        await new Promise((resolve) => (ws.onopen = resolve));
        ws.send('echo');
        expect((await new Promise((resolve) => (ws.onmessage = resolve))).data).toBe('echo');
        ws.close();
        await new Promise((resolve) => (ws.onclose = resolve));
      });`,
    );
  });

  test.each([[['node', 'node-addons']], [['']]])(
    'runs it in its jsdom environment with the conditions %j',
    async (conditions) => {
      await runJest('jsdom', NODE_TEST, { testEnvironmentOptions: { customExportConditions: conditions } });
    },
  );
});

describe('a page that imports one thing', () => {
  test.each(['esbuild', 'Rollup 4'])('gets no more by %s', async (name) => {
    const folder = project({ files: { 'program.mjs': `import { WebSocket } from 'wasock'; globalThis.Class = WebSocket;` } });
    const { default: resolve } = require('@rollup/plugin-node-resolve');
    if (name === 'esbuild') {
      const options = { bundle: true, minify: true, format: 'esm', outfile: 'out.mjs' };
      await buildByEsbuild({ absWorkingDir: folder, entryPoints: ['program.mjs'], ...options });
    } else {
      const bundle = await rollup4({ input: join(folder, 'program.mjs'), plugins: [resolve({ browser: true })] });
      await bundle.write({ file: join(folder, 'out.mjs') });
    }
    const code = readFileSync(join(folder, 'out.mjs'), 'utf8');
    expect(code).not.toContain('createWebSocketStream');
    expect(code.length).toBeLessThan(name === 'esbuild' ? 1700 : 4000);
  });
});
