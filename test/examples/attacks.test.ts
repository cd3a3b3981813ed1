// Servers without 'error' listeners, under attack: README's own programs and those of servers.mjs, on each runtime. A peer may reset,
// stay silent, send garbage or break the protocol; the server serves the next one.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { connect as connectTcp, type Socket } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { ROOT } from '../support/mini-runner/bundle.ts';
import { freePort, sleep } from '../support/sockets.ts';
import { BUN, connect, DENO, endPrograms, exchange, has, NODE, Program } from './run-example.ts';

const RUNTIMES = [
  { name: 'Node.js', binary: NODE, before: [] },
  { name: 'Deno', binary: DENO, before: ['run', '-A'] },
  { name: 'Bun', binary: BUN, before: [] },
].filter(({ binary }) => has(binary));

const SERVERS =
  'plain deferred heartbeat handlers loop ready late stream blob flood noServer slowVerification refusing websocket classic fibjs jsh'.split(
    ' ',
  );

const HANDSHAKE = [
  'Host: localhost',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Extensions: permessage-deflate',
];
const request = (path: string, ...more: string[]): string =>
  [`GET ${path} HTTP/1.1`, ...HANDSHAKE, ...more, '', ''].join('\r\n');

/** Frames that break RFC 6455, masked with zeros; their comment says how. */
const VIOLATIONS: Readonly<Record<string, string>> = {
  'a reserved opcode': '838000000000',
  'no mask': '810178',
  'a reserved bit': 'a18100000000ff',
  'text that is no UTF-8': '818100000000ff',
  'a long Ping': '89fe007e00000000',
  'a Ping in fragments': '098000000000',
  'a continuation of nothing': '808000000000',
  'a Close frame of one byte': '88810000000000',
  'a Close frame with code 1005': '88820000000003ed',
  'a close reason that is no UTF-8': '88830000000003e8ff',
  'a length beyond 2^53': '82ffffffffffffffffff00000000',
  'a message longer than any limit': '82ff00000100000000000000000000',
  'compressed data that does not inflate': 'c18400000000ffffffff',
  'a message and a violation in one chunk': '81820000000068698380000000000000',
};

async function dial(port: number): Promise<Socket> {
  const socket = connectTcp(port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** A connection whose handshake is through. What the server sends is read and dropped. */
async function openRaw(port: number, path: string): Promise<Socket> {
  const socket = await dial(port);
  socket.write(request(path));
  await once(socket, 'data');
  return socket.resume();
}

async function gone(socket: Socket, patience = 300): Promise<void> {
  if (!socket.destroyed) await Promise.race([once(socket, 'close'), once(socket, 'end'), sleep(patience)]);
  socket.destroy();
}

/** Everything that a peer may do. None waits longer than it must. */
async function attack(port: number, path = '/'): Promise<void> {
  const attacks = Object.values(VIOLATIONS).map(async (frames) => {
    const socket = await openRaw(port, path);
    socket.write(frames, 'hex');
    await gone(socket);
  });
  attacks.push(
    // Resets: after the handshake, in it, before it, in the middle of a frame, right behind messages.
    ...['', '8185000000006865', '8182000000006869818200000000686981820000000068698182000000006869', '89800000000088'].map(
      async (frames) => {
        const socket = await openRaw(port, path);
        if (frames !== '') socket.write(frames, 'hex');
        await sleep(frames.length % 3);
        socket.resetAndDestroy();
      },
    ),
    ...[request(path), request(path, 'X-Refuse: yes'), request(path).slice(0, 40)].flatMap((head) =>
      [0, 5, 30].map(async (delay) => {
        const socket = await dial(port);
        socket.write(head);
        if (delay > 0) await sleep(delay);
        socket.resetAndDestroy();
      }),
    ),
    // The end of TCP without a Close frame, at once and in a message.
    ...['', '018200000000'].map(async (frames) => {
      const socket = await openRaw(port, path);
      socket.end(frames, 'hex');
      await gone(socket);
    }),
    // Garbage, in the place of HTTP and behind the handshake.
    ...Array.from({ length: 4 }, async () => {
      const socket = await dial(port);
      socket.write(randomBytes(512));
      await gone(socket);
    }),
    ...Array.from({ length: 8 }, async () => {
      const socket = await openRaw(port, path);
      socket.write(randomBytes(2048));
      await gone(socket);
    }),
    ...[
      'GET /#x HTTP/1.1\r\nHost: [\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
      'GET / HTTP/1.1\r\n\r\n',
      '\r\n\r\n\0',
      // Opening handshakes of which no URL can be made.
      request('/#x'),
      ...['[', '%', 'x:99999'].map((host) => request('/').replace('localhost', host)),
    ].map(async (head) => {
      const socket = await dial(port);
      socket.write(head);
      await gone(socket);
    }),
  );
  await Promise.all(attacks);
}

/** A peer that says nothing, not even to Pings and Close frames. */
async function mute(port: number, path = '/'): Promise<Socket> {
  const socket = await dial(port);
  socket.write(request(path));
  await once(socket, 'data');
  return socket.pause();
}

afterEach(endPrograms);

describe.each(RUNTIMES)('on $name', ({ name: runtime, binary, before }) => {
  test.each(SERVERS)('the %s server outlives its peers', async (name) => {
    const program = new Program(binary, [...before, join(ROOT, 'test/examples/servers.mjs'), name]);
    const port = Number((await program.listens()).split(':')[1]);
    const silent = await mute(port);
    await attack(port);
    if (name !== 'flood') {
      const answer = await exchange(await connect(`ws://127.0.0.1:${port}/`), 'still there?');
      expect(String(answer)).toBe('still there?');
    } else {
      await connect(`ws://127.0.0.1:${port}/`);
    }
    silent.resetAndDestroy();
    expect(program.errors).toBe('');
    if (name === 'plain') expect(program.output).toMatch(/Reported: Invalid WebSocket frame: invalid opcode 3 \(2\)/);
  });

  const natives = runtime === 'Node.js' ? [] : ['native', 'nativeW3C', 'nativeFibjs'];
  test.each(natives)('a server of the runtime (%s) outlives its peers, a silent one too', async (name) => {
    const program = new Program(binary, [...before, join(ROOT, 'test/examples/servers.mjs'), name]);
    const port = Number((await program.listens()).split(':')[1]);
    const silent = await mute(port);
    await attack(port);
    // fibjs's handler has no option for Deno's Pings, whose 30 s are long for a test.
    if (name !== 'nativeFibjs' || runtime === 'Bun') await gone(silent.resume(), 20_000);
    else silent.resetAndDestroy();
    expect(await exchange(await connect(`ws://127.0.0.1:${port}/`), 'still there?')).toBe('still there?');
    expect(program.errors).toBe('');
  });

  /** README's servers, with a port of their own in the place of 8080. */
  test('the programs of README outlive their peers', async () => {
    const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
    const blocks = Array.from(readme.matchAll(/^```js\n([^]*?)^```/gm), ([, code]) => code);
    const servers = blocks.filter((code) =>
      code.includes('Deno.serve') ? runtime === 'Deno' : code.includes('WebSocketServer('),
    );
    expect(servers.length).toBe(runtime === 'Deno' ? 3 : 2);
    const folder = join(ROOT, 'build/readme');
    await mkdir(folder, { recursive: true });
    for (const [index, code] of servers.entries()) {
      const port = await freePort();
      const file = join(folder, `${runtime}-${index}.mjs`);
      // The first one has a client of its own: leave it out.
      const program = code.replace(/\nconst client[^]*/, '').replaceAll('8080', String(port));
      // Deno's own Pings come every 30 s: here every second, for the peer that never answers.
      const served = program
        .replace('Deno.serve(', `Deno.serve({ port: ${port} }, `)
        .replace('upgrade(request)', 'upgrade(request, { idleTimeout: 1 })');
      await writeFile(file, served);
      const server = new Program(binary, [...before, file]);
      const path = /path: '(.*?)'/.exec(code)?.[1] ?? '/';
      await untilListening(port);
      const silent = await mute(port, path);
      await attack(port, path);
      if (served !== program) await gone(silent.resume(), 20_000);
      silent.resetAndDestroy();
      const ws = await connect(`ws://127.0.0.1:${port}${path}`);
      if (path === '/') expect(await exchange(ws, 'still there?')).toBe('still there?');
      expect(server.errors).not.toMatch(/error/i);
      await server.end('SIGKILL');
    }
  });
});

async function untilListening(port: number): Promise<void> {
  for (;;) {
    const socket = connectTcp(port, '127.0.0.1');
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isOpen) return;
    await sleep(20);
  }
}
