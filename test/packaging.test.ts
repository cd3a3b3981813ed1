// The package as other tools see it: Deno's type checker over what npm would install, and what JSR would take.
// TypeScript's own resolutions (nodenext, bundler) are checked over the packed file by `npm run check:package`.

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { build as buildByVite } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DENO = join(ROOT, 'test/runtimes/node_modules/.bin/deno');
const BUN = join(ROOT, 'test/runtimes/node_modules/.bin/bun');

function readJson(file: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(ROOT, file), 'utf8')) as Record<string, unknown>;
}

const PROGRAM = `
import { WebSocket, WebSocketServer, upgrade } from 'wasock';
import { WebSocket as W3CWebSocket } from 'wasock/w3c';
import { server as Server } from 'wasock/websocket';
import { Message } from 'wasock/fibjs';
import Classic from 'wasock/classic';
import { WebSocketServer as JshServer } from 'wasock/jsh';

const server = new WebSocketServer({ port: 0 });
server.on('connection', (ws, request) => {
  ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
  console.log(request.url);
});
const state: number = new W3CWebSocket('ws://127.0.0.1/').readyState;
export { Classic, JshServer, Message, Server, state, upgrade, WebSocket };
`;

describe('the installed package', () => {
  let folder: string;
  beforeAll(() => {
    if (!existsSync(DENO)) throw new Error('Deno is missing: npm test installs it.');
    folder = mkdtempSync(join(tmpdir(), 'wasock-installed-'));
    // A copy: Deno takes a link for files of the program itself.
    const installed = join(folder, 'node_modules/wasock');
    mkdirSync(join(folder, 'node_modules/@types'), { recursive: true });
    cpSync(join(ROOT, 'dist'), join(installed, 'dist'), { recursive: true });
    cpSync(join(ROOT, 'package.json'), join(installed, 'package.json'));
    symlinkSync(join(ROOT, 'node_modules/@types/node'), join(folder, 'node_modules/@types/node'));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function check(program: string): { status: number | null; output: string } {
    writeFileSync(join(folder, 'program.ts'), program);
    const { status, stdout, stderr } = spawnSync(DENO, ['check', '--node-modules-dir=manual', 'program.ts'], {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, NO_COLOR: '1' },
    });
    return { status, output: stdout + stderr };
  }

  test('has types for deno check', () => {
    const { status, output } = check(PROGRAM);
    expect(output).not.toContain('ERROR');
    expect(status).toBe(0);
  });

  test('has types that deno check holds programs to', () => {
    const { status, output } = check(PROGRAM.replace('const state: number', 'const state: string'));
    expect(output).toContain("Type 'number' is not assignable to type 'string'");
    expect(status).not.toBe(0);
  });
});

/** Programs of which a bundler must keep what only a module's side effects bring about, and what they print. */
const BUNDLED: readonly (readonly [what: string, program: string, output: string])[] = [
  [
    'a server and a client',
    `import { WebSocket, WebSocketServer } from 'wasock';
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    server.on('connection', (ws) => ws.on('message', (data) => ws.send(String(data))));
    server.on('listening', () => {
      const ws = new WebSocket('ws://127.0.0.1:' + server.address().port);
      ws.on('open', () => ws.send('echo'));
      ws.on('message', (data) => (console.log(String(data)), ws.close(), server.close()));
    });`,
    'echo',
  ],
  [
    'the statics',
    `import WebSocket from 'wasock';
    const { createWebSocketStream, Server, Receiver, WebSocketServer } = WebSocket;
    console.log([createWebSocketStream, Server, Receiver, WebSocketServer, WebSocket.WebSocket].map((value) => typeof value).join());`,
    'function,function,function,function,function',
  ],
  [
    'a low-level class',
    `import { Receiver } from 'wasock';
    const receiver = new Receiver();
    receiver.on('message', (data) => console.log(String(data)));
    receiver.write(Buffer.from([0x81, 0x02, 0x68, 0x69]));`,
    'hi',
  ],
  [
    'the classic statics',
    `import WebSocket from 'wasock/classic';
    console.log([WebSocket.Server, WebSocket.createServer, WebSocket.connect].map((value) => typeof value).join());`,
    'function,function,function',
  ],
];

describe('a program bundled by', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'wasock-bundled-'));
    const installed = join(folder, 'node_modules/wasock');
    mkdirSync(installed, { recursive: true });
    for (const name of ['dist', 'package.json']) cpSync(join(ROOT, name), join(installed, name), { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function run(program: string, args: readonly string[], outFile: string): string {
    const { stdout, stderr } = spawnSync(program, args, { cwd: folder, encoding: 'utf8' });
    if (!existsSync(join(folder, outFile))) throw new Error(stdout + stderr);
    return outFile;
  }
  const bundlers: Record<string, (entry: string, outFile: string) => Promise<unknown>> = {
    esbuild: (entry, outFile) =>
      build({
        absWorkingDir: folder,
        entryPoints: [entry],
        outfile: outFile,
        bundle: true,
        format: 'esm',
        platform: 'node',
        minify: true,
      }),
    Vite: (entry, outFile) =>
      buildByVite({
        root: folder,
        configFile: false,
        logLevel: 'error',
        ssr: { noExternal: true },
        build: {
          ssr: entry,
          outDir: '.',
          emptyOutDir: false,
          minify: true,
          rollupOptions: { output: { entryFileNames: outFile } },
        },
      }),
    Bun: (entry, outFile) =>
      Promise.resolve(run(BUN, ['build', entry, '--target=node', '--minify-syntax', `--outfile=${outFile}`], outFile)),
  };

  describe.each(Object.keys(bundlers))('%s', (name) => {
    test.each(BUNDLED)('has %s', async (what, program, output) => {
      const entry = `${name} ${what}.mjs`.replaceAll(' ', '-');
      const outFile = `bundled-${entry}`;
      writeFileSync(join(folder, entry), program);
      await bundlers[name](entry, outFile);
      const { stdout, stderr } = spawnSync(process.execPath, [outFile], { cwd: folder, encoding: 'utf8', timeout: 90_000 });
      // Of what it printed besides, the line with the error: the others are the bundle.
      expect([stdout, stderr.split('\n').find((line) => line.includes('Error: '))]).toEqual([`${output}\n`, undefined]);
    });
  });
});

describe('CommonJS on Node.js', () => {
  /** What `require` of the entry point loads. */
  function loadedBy(entry: string): { files: number; isHttpLoaded: boolean } {
    const file = JSON.stringify(join(ROOT, `dist/${entry}.cjs`));
    const program = `require(${file}); console.log(JSON.stringify([Object.keys(require.cache).length, process.moduleLoadList.includes('NativeModule http')]))`;
    const { stdout } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8', timeout: 90_000 });
    const [files, isHttpLoaded] = JSON.parse(stdout) as [number, boolean];
    return { files, isHttpLoaded };
  }

  test('of the main entry point is few files', () => {
    const { files, isHttpLoaded } = loadedBy('adapters/node/index');
    expect(files).toBeLessThanOrEqual(9);
    expect(isHttpLoaded).toBe(true);
  });

  test.each([
    'src/deflate/index',
    'src/testing/index',
    'src/topics/index',
    'src/topics/client',
    'src/topics/local',
    'src/topics/redis',
  ])('of %s loads no node:http', (entry) => expect(loadedBy(entry).isHttpLoaded).toBe(false));
});

describe('the main entry point', () => {
  test.each(['node', 'deno', 'bun', 'edge', 'browser'])('of %s contains no facade', async (runtime) => {
    const { metafile } = await build({
      entryPoints: [join(ROOT, `adapters/${runtime}/index.ts`)],
      bundle: true,
      write: false,
      metafile: true,
      format: 'esm',
      platform: 'neutral',
      external: ['node:*', 'cloudflare:*', '*.wasm'],
    });
    const sources = Object.keys(metafile.inputs);
    expect(sources).toContain('src/base/errors.ts');
    expect(sources.filter((path) => path.includes('src/compat/'))).toEqual([]);
  });
});

describe('jsr.json', () => {
  test('has the version of package.json', () => {
    expect(readJson('jsr.json')['version']).toBe(readJson('package.json')['version']);
  });

  test('is accepted, types and all, in a dry run', () => {
    const { status, stderr } = spawnSync(DENO, ['publish', '--dry-run', '--allow-dirty'], {
      cwd: ROOT,
      encoding: 'utf8',
      env: { ...process.env, NO_COLOR: '1' },
    });
    expect(stderr).toContain('src/codec/embedded.ts');
    expect(stderr).toContain('Success');
    expect(status).toBe(0);
  });
});
