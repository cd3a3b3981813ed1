// The programs in the documents: all of them compile against the package's types, and those of README run on Node.js as they stand.
// attacks.test.ts runs README's servers on every runtime.

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import frameworks from '../frameworks/package.json' with { type: 'json' };
import { ROOT } from '../support/mini-runner/bundle.ts';
import { freePort } from '../support/sockets.ts';
import { guidesIn } from '../tools/documents.ts';
import { endPrograms, NODE, Program } from './run-example.ts';

const FOLDER = join(ROOT, 'build/documents');

afterEach(endPrograms);

/** The programs in a document, without the indentation of a list. */
async function programsIn(name: string): Promise<string[]> {
  const text = await readFile(join(ROOT, name), 'utf8');
  return Array.from(text.matchAll(/^( *)```(?:js|ts)\n([^]*?)^ *```/gm), ([, indent, code]) =>
    code.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  );
}

/** Globals and packages that the documents use and this repository does not have. */
const AMBIENT = `declare const Bun: any;
declare const Deno: any;
declare module 'https-proxy-agent';
declare module '@nats-io/jetstream';
declare module '@nats-io/transport-node';
declare module 'pg';
declare module 'redis';
${Object.keys(frameworks.dependencies)
  .map((name) => `declare module '${name}';\ndeclare module '${name}/*';\n`)
  .join('')}`;

const CONFIG = {
  compilerOptions: {
    allowJs: true,
    checkJs: true,
    noEmit: true,
    noImplicitAny: false,
    strict: true,
    target: 'es2024',
    lib: ['esnext', 'dom'],
    module: 'nodenext',
    types: ['node'],
    skipLibCheck: true,
  },
  include: ['.'],
};

test('every program in the documents compiles', async () => {
  const folder = join(FOLDER, 'types');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'ambient.d.ts'), AMBIENT);
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(CONFIG));
  let count = 0;
  const exempt = '_resolveFilename'; // an undocumented function of Node.js
  for (const name of ['README.md', ...guidesIn(ROOT)]) {
    // Its programs are files that test/frameworks/ runs, with the types of their frameworks if they are TypeScript.
    if (name === 'docs/frameworks.md') continue;
    for (const [index, code] of (await programsIn(name)).entries()) {
      if (code.includes(exempt)) continue;
      count += 1;
      await writeFile(
        join(folder, `${name.replaceAll(/\W/g, '-')}-${index}.${code.includes('require(') ? 'cjs' : 'mjs'}`),
        code,
      );
    }
  }
  expect(count).toBeGreaterThan(30);
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  const run = promisify(execFile)(NODE, [compiler, '-p', folder]);
  expect(
    await run.then(
      ({ stdout }) => stdout,
      ({ stdout }: { stdout: string }) => stdout,
    ),
  ).toBe('');
});

describe('README', () => {
  /** Runs the program that contains `text`, with each word replaced. */
  async function run(text: string, replacements: Readonly<Record<string, string>>): Promise<Program> {
    let code = (await programsIn('README.md')).find((program) => program.includes(text)) ?? '';
    for (const [from, to] of Object.entries(replacements)) {
      expect(code).toContain(from);
      code = code.replaceAll(from, to);
    }
    await mkdir(FOLDER, { recursive: true });
    const file = join(FOLDER, `readme-${text.replaceAll(/\W/g, '')}.mjs`);
    await writeFile(file, code);
    return new Program(NODE, [file]);
  }

  /** A server of ws, which selects the first subprotocol that a client offers. */
  async function serve(): Promise<{ server: WebSocketServer; port: number }> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    return { server, port: (server.address() as AddressInfo).port };
  }

  test('the echo server and its client say hello', async () => {
    const program = await run('client.send', { 8080: String(await freePort()) });
    await program.printed(/^hello$/m);
    expect(program.errors).toBe('');
  });

  test('the HTTP server serves pages and WebSockets on one port', async () => {
    const port = await freePort();
    const program = await run('createServer', { 'http.listen(8080)': `http.listen(${port}, () => console.log('listening'))` });
    await program.printed(/listening/);
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('a page');
    const [message] = (await once(new WebSocket(`ws://127.0.0.1:${port}/chat`), 'message')) as [Buffer];
    expect(message.toString()).toBe('welcome');
    expect(program.errors).toBe('');
  });

  test('the W3C client sends its header, and prints what it gets', async () => {
    const { server, port } = await serve();
    const connection = once(server, 'connection') as Promise<[WebSocket, IncomingMessage]>;
    const program = await run("'wasock/w3c'", { 'wss://example.com/': `ws://127.0.0.1:${port}/` });
    const [ws, request] = await connection;
    expect(request.headers.authorization).toBe('Bearer abc123');
    expect(ws.protocol).toBe('chat');
    ws.send('text');
    ws.send(Buffer.of(1, 2));
    ws.close(1000, 'done');
    expect(await program.ended()).toBe(0);
    expect(program.output).toMatch(/^text\nArrayBuffer .*<01 02>.*\n1000 done true\n$/s);
    expect(program.errors).toBe('');
    server.close();
  });
});
