// `bun --hot`: a program that was changed runs in the process of the old one, and takes over its port.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { WebSocket } from '../../../adapters/bun/index.ts';
import { until } from '../../support/sockets.ts';

const entry = new URL('../../../adapters/bun/index.ts', import.meta.url).href;
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill();
});

/** Runs a program that changes. */
class HotProgram {
  readonly #path = join(mkdtempSync(join(tmpdir(), 'hot-')), 'program.ts');
  #output = '';

  constructor(source: string) {
    this.change(source);
    const child = spawn(process.execPath, ['--hot', this.#path]);
    children.push(child);
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (this.#output += String(chunk)));
  }

  change(source: string): void {
    writeFileSync(this.#path, source);
  }

  /** The line behind `word`. */
  async line(word: string): Promise<string> {
    const pattern = new RegExp(`^${word} (.*)\n`, 'm');
    await until(`${word}, after ${this.#output}`, () => pattern.test(this.#output));
    return pattern.exec(this.#output)![1];
  }
}

const serverOf = (version: string, options: string): string => `
import { WebSocketServer } from '${entry}';
const server = new WebSocketServer({ ${options} });
server.on('error', ({ message }) => console.log('${version}-listens', message));
server.on('listening', () => console.log('${version}-listens', JSON.stringify(server.address())));
server.on('connection', (ws) => {
  ws.on('message', () => ws.send('${version}'));
});
`;

async function ask(client: WebSocket): Promise<string> {
  client.send('which version?');
  return String((await once(client, 'message'))[0]);
}

async function connect(url: string): Promise<WebSocket> {
  const client = new WebSocket(url);
  await once(client, 'open');
  return client;
}

test.each([
  ['the port that it names', (port: number) => `port: ${port}, host: '127.0.0.1'`],
  ['any port', () => `port: 0, host: '127.0.0.1'`],
])('a server on %s takes over from the old program, whose connections stay', async (_, optionsFor) => {
  const program = new HotProgram(serverOf('first', `port: 0, host: '127.0.0.1'`));
  const { port } = JSON.parse(await program.line('first-listens')) as { port: number };
  const url = `ws://127.0.0.1:${port}`;
  const before = await connect(url);
  for (const version of ['second', 'third']) {
    program.change(serverOf(version, optionsFor(port)));
    expect(JSON.parse(await program.line(`${version}-listens`))).toMatchObject({ port });
    const after = await connect(url);
    expect(await ask(after)).toBe(version);
    after.terminate();
  }
  expect(await ask(before)).toBe('first');
  before.terminate();
});

test('a server on a Unix domain socket takes over', async () => {
  const unix = join(mkdtempSync(join(tmpdir(), 'hot-')), 'socket');
  const program = new HotProgram(serverOf('first', `unix: '${unix}'`));
  expect(await program.line('first-listens')).toBe(JSON.stringify(unix));
  program.change(serverOf('second', `unix: '${unix}'`));
  expect(await program.line('second-listens')).toBe(JSON.stringify(unix));
  const client = await connect(`ws+unix:${unix}`);
  expect(await ask(client)).toBe('second');
  client.terminate();
});

test('two servers of one program cannot share a port', async () => {
  const twice = `${serverOf('one', 'port: 0')}server.on('listening', () => {
    const other = new WebSocketServer({ port: server.address().port });
    other.on('error', ({ message }) => console.log('two-listens', message));
  });`;
  const program = new HotProgram(twice);
  expect(await program.line('two-listens')).toContain('EADDRINUSE');
});
