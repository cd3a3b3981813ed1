// The example of `npm start`, as people run it: its own process, its output, its exit codes. `ws` is the client that judges it.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { freePort, sleep } from '../support/sockets.ts';

const SERVER = fileURLToPath(new URL('../../examples/chat/server.mjs', import.meta.url));
const CLIENT = fileURLToPath(new URL('../../examples/chat/client.mjs', import.meta.url));

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** A process that the test started, and what it has printed so far. */
class Run {
  readonly child: ChildProcess;
  readonly #exit: Promise<unknown[]>;
  output = '';

  constructor(script: string, args: string[]) {
    this.child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    children.push(this.child);
    this.#exit = once(this.child, 'close');
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.output += chunk.toString();
      });
    }
  }

  async exitCode(): Promise<unknown> {
    return (await this.#exit)[0];
  }

  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.output);
      if (match !== null) return match;
      if (this.child.exitCode !== null) throw new Error(`The process ended without printing ${pattern}:\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

/** @returns The running server and its `host:port`, as soon as it listens. */
async function serve(): Promise<{ server: Run; authority: string }> {
  const server = new Run(SERVER, ['--port', '0']);
  const [, authority] = await server.printed(/http:\/\/(127\.0\.0\.1:\d+)\//);
  return { server, authority };
}

type ChatMessage = { type: string } & Record<string, unknown>;

/** Somebody in the chat. */
class Person {
  readonly socket: WebSocket;
  readonly heard: ChatMessage[] = [];
  readonly closed: Promise<unknown[]>;

  constructor(authority: string) {
    this.socket = new WebSocket(`ws://${authority}/chat`);
    this.closed = once(this.socket, 'close');
    this.socket.on('message', (data: Buffer) => this.heard.push(JSON.parse(data.toString()) as ChatMessage));
  }

  send(message: object): void {
    this.socket.send(JSON.stringify(message));
  }

  async hears(isIt: (message: ChatMessage) => boolean): Promise<ChatMessage> {
    for (;;) {
      const message = this.heard.find(isIt);
      if (message !== undefined) return message;
      if (this.socket.readyState > WebSocket.OPEN) throw new Error('The connection is closed.');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async joins(name: string): Promise<ChatMessage> {
    await this.hears(({ type }) => type === 'welcome');
    this.send({ type: 'join', name });
    return this.hears(({ type }) => type === 'joined');
  }
}

/** @returns A TCP connection that has shaken hands on /echo, and then neither reads nor writes. */
async function connectMutely(authority: string): Promise<Socket> {
  const { hostname, port } = new URL(`http://${authority}`);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => socket.destroy());
  socket.write(
    `GET /echo HTTP/1.1\r\nHost: ${authority}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  const [head] = (await once(socket, 'data')) as [Buffer];
  expect(head.toString()).toMatch(/^HTTP\/1\.1 101 /);
  socket.pause();
  return socket;
}

test('server with --once measures and exits with 0', async () => {
  const server = new Run(SERVER, ['--port', '0', '--once']);
  expect(await server.exitCode()).toBe(0);
  expect(server.output).toMatch(/Page +http:\/\/127\.0\.0\.1:\d+\//);
  expect(server.output).toContain("joined the chat as 'Measuring client'");
  expect(server.output).toMatch(/round trip, median +125 B +1 +1,000 +\d+\.\d{3} ms/);
  expect(server.output).toMatch(/round trip, p99 +125 B +1 +1,000 +\d+\.\d{3} ms/);
  expect(server.output).toMatch(/small messages +125 B +32 +[\d,]+ +[\d,]+ messages\/s/);
  expect(server.output).toMatch(/large messages +64 KiB +4 +[\d,]+ +[\d,]+ MB\/s each way/);
  expect(server.output).toContain('left the chat (close code 1000)');
});

test('server names a taken port in one sentence and exits with 1', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const { port } = holder.address() as AddressInfo;
  const server = new Run(SERVER, ['--port', String(port)]);
  expect(await server.exitCode()).toBe(1);
  expect(server.output).toMatch(
    new RegExp(`^Something else is listening on port ${port} of 127\\.0\\.0\\.1 already; .*--port .*\\n$`),
  );
  holder.close();
});

test.each([['--port', '65536'], ['--port', '-1'], ['--port=80a'], ['--port', ''], ['--colour'], ['9000']])(
  'server refuses the arguments %s %s',
  async (...args) => {
    const server = new Run(SERVER, args);
    expect(await server.exitCode()).toBe(2);
    expect(server.output).toContain('Usage: node examples/chat/server.mjs');
  },
);

test('server explains itself with --help', async () => {
  const server = new Run(SERVER, ['--help']);
  expect(await server.exitCode()).toBe(0);
  expect(server.output).toMatch(/^Usage: /);
});

test.each(['SIGINT', 'SIGTERM'] as const)('server closes its connections with 1001 and exits with 0 on %s', async (signal) => {
  const { server, authority } = await serve();
  const person = new Person(authority);
  await person.joins('Ada');
  server.child.kill(signal);
  const [code, reason] = await person.closed;
  expect(code).toBe(1001);
  expect(String(reason)).toBe('The server is stopping');
  expect(await server.exitCode()).toBe(0);
});

test('server does not wait for ever for a peer that never answers its Close frame', async () => {
  const { server, authority } = await serve();
  const mute = await connectMutely(authority);
  server.child.kill('SIGINT');
  expect(await server.exitCode()).toBe(0);
  mute.destroy();
});

test('server stops at once on a second Ctrl-C', async () => {
  const { server, authority } = await serve();
  const mute = await connectMutely(authority);
  server.child.kill('SIGINT');
  await server.printed(/Stopping/);
  await sleep(600);
  server.child.kill('SIGINT');
  expect(await server.exitCode()).toBe(130);
  mute.destroy();
});

test('server lets two people talk, and tells a third what was said', async () => {
  const { authority } = await serve();
  const [ada, grace] = [new Person(authority), new Person(authority)];
  expect(await ada.joins('Ada')).toMatchObject({ name: 'Ada' });
  expect(await grace.joins('  Grace\u202e \n Hopper ')).toMatchObject({ name: 'Grace Hopper' });
  await ada.hears(({ type, text }) => type === 'notice' && text === 'Grace Hopper joined');
  ada.send({ type: 'say', text: '<b>Good morning</b> 🌞' });
  expect(await grace.hears(({ name, text }) => name === 'Ada' && text === '<b>Good morning</b> 🌞')).toHaveProperty('time');

  const third = new Person(authority);
  expect(await third.joins('ada')).toMatchObject({ name: 'ada 2' });
  const [welcome] = third.heard;
  expect(welcome.history).toEqual(
    expect.arrayContaining([expect.objectContaining({ name: 'Ada', text: '<b>Good morning</b> 🌞' })]),
  );
  expect(welcome.people).toEqual(expect.arrayContaining([expect.objectContaining({ name: 'Grace Hopper' })]));
  const figures = await third.hears(({ type }) => type === 'figures');
  expect(figures.connections).toBeGreaterThanOrEqual(3);
  expect(figures.messagesIn).toBeGreaterThan(0);
  expect(figures.bytesOut).toBeGreaterThan(0);
});

test('server answers a bad chat message and stays', async () => {
  const { authority } = await serve();
  const person = new Person(authority);
  await person.hears(({ type }) => type === 'welcome');
  const bad = [
    '{',
    'null',
    '[]',
    '{"type":"say","text":"x"}',
    '{"type":"join","name":{}}',
    `{"type":"join","name":"${'x'.repeat(25)}"}`,
  ];
  for (const [index, message] of bad.entries()) {
    person.socket.send(message);
    await person.hears(() => person.heard.filter(({ type }) => type === 'error').length === index + 1);
  }
  await person.joins('Ada');
  person.send({ type: 'say', text: 'x'.repeat(501) });
  await person.hears(({ type, text }) => type === 'error' && text === 'A message has at most 500 characters.');
  expect(person.socket.readyState).toBe(WebSocket.OPEN);
});

test('server slows a hasty member down and then sends it away with 1008', async () => {
  const { authority } = await serve();
  const person = new Person(authority);
  await person.joins('Ada');
  for (let index = 0; index < 100; index++) person.send({ type: 'say', text: String(index) });
  expect((await person.closed)[0]).toBe(1008);
  expect(person.heard.filter(({ text }) => text === 'Not so fast, please.').length).toBeGreaterThan(0);
});

test('server closes with 1009 on a chat message that is too big, and with 1002 on a broken frame, and goes on', async () => {
  const { authority } = await serve();
  const big = new Person(authority);
  await big.hears(({ type }) => type === 'welcome');
  big.socket.send('x'.repeat(4097));
  expect((await big.closed)[0]).toBe(1009);

  const broken = new WebSocket(`ws://${authority}/echo`);
  await once(broken, 'open');
  // A frame with the reserved opcode 3: the mask key is 0, the payload empty.
  (broken as unknown as { _socket: { write(bytes: Buffer): void } })._socket.write(Buffer.from('838000000000', 'hex'));
  expect((await once(broken, 'close'))[0]).toBe(1002);

  const echo = new WebSocket(`ws://${authority}/echo`);
  await once(echo, 'open');
  echo.send('still there?');
  const [data, isBinary] = (await once(echo, 'message')) as [Buffer, boolean];
  expect([data.toString(), isBinary]).toEqual(['still there?', false]);
});

test('server echoes 64 MiB to a peer that reads late', async () => {
  const { authority } = await serve();
  const echo = new WebSocket(`ws://${authority}/echo`);
  await once(echo, 'open');
  const payload = Buffer.alloc(1024 * 1024, 0x5a);
  let received = 0;
  const done = new Promise<void>((resolve) => {
    echo.on('message', (data: Buffer) => {
      expect(data.equals(payload)).toBe(true);
      received += 1;
      if (received === 64) resolve();
    });
  });
  echo.pause();
  for (let index = 0; index < 64; index++) echo.send(payload);
  await sleep(300);
  expect(received).toBe(0);
  echo.resume();
  await done;
});

test('server frees the socket of a refused client that keeps its side open', async () => {
  const { authority } = await serve();
  const [host, port] = authority.split(':');
  const socket = connect({ host, port: Number(port), allowHalfOpen: true });
  const key = 'dGhlIHNhbXBsZSBub25jZQ==';
  socket.write(
    `GET /elsewhere HTTP/1.1\r\nHost: ${authority}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
  );
  socket.resume();
  await once(socket, 'end');
  // A socket that the server has freed answers with a reset, which a later write finds.
  const reset = new Promise((resolve) => socket.once('error', resolve));
  const writing = setInterval(() => socket.write('x'), 10);
  await reset;
  clearInterval(writing);
});

test('server refuses other paths with 404 and other origins with 403', async () => {
  const { authority } = await serve();
  const refused = async (path: string, origin?: string): Promise<string> => {
    const socket = new WebSocket(`ws://${authority}${path}`, origin === undefined ? {} : { origin });
    const [error] = (await once(socket, 'error').catch((reason: unknown) => [reason])) as [Error];
    return error.message;
  };
  expect(await refused('/')).toBe('Unexpected server response: 404');
  expect(await refused('/chat', 'http://elsewhere.example')).toBe('Unexpected server response: 403');
  const same = new WebSocket(`ws://${authority}/chat`, { origin: `http://${authority}` });
  await once(same, 'open');
});

test('server serves the page with strict headers, and nothing else', async () => {
  const { authority } = await serve();
  const page = await fetch(`http://${authority}/`);
  expect(page.status).toBe(200);
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(page.headers.get('x-content-type-options')).toBe('nosniff');
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self'");
  const html = await page.text();
  const links = Array.from(html.matchAll(/(?:href|src)="([^"]+)"/g), ([, link]) => link);
  expect(links).toEqual(['/favicon.svg', '/style.css', '/parts.css', '/main.mjs']);
  const scripts = ['/chat.mjs', '/connection.mjs', '/figures.mjs', '/round-trip.mjs'];
  for (const path of [...links, ...scripts])
    expect([path, (await fetch(`http://${authority}${path}`)).status]).toEqual([path, 200]);
  for (const path of ['/server.mjs', '/page/main.mjs', '/..%2fserver.mjs', '/%2e%2e/package.json', '/constructor']) {
    const response = await fetch(`http://${authority}${path}`);
    expect([path, response.status]).toEqual([path, 404]);
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  }
  expect((await fetch(`http://${authority}/`, { method: 'POST', body: 'x' })).status).toBe(405);
});

test('client says in one line that nobody listens and exits with 1', async () => {
  const client = new Run(CLIENT, [`ws://127.0.0.1:${await freePort()}`]);
  expect(await client.exitCode()).toBe(1);
  expect(client.output).toMatch(/^ {2}client: .*ECONNREFUSED.*\n$/);
});

test.each([['http://127.0.0.1:1'], ['nonsense'], ['ws://127.0.0.1:1', 'more']])(
  'client refuses the arguments %s %s',
  async (...args) => {
    const client = new Run(CLIENT, args);
    expect(await client.exitCode()).toBe(2);
    expect(client.output).toMatch(/^Usage: /);
  },
);
