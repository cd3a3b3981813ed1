// WebSockets beside plain routes: in Deno.serve and Bun.serve, and behind the servers of Express and Fastify.

import { afterEach, describe, expect, test } from 'vitest';
import {
  breakProtocol,
  BUN,
  closing,
  connect,
  DENO,
  endPrograms,
  example,
  exchange,
  has,
  nextMessage,
  NODE,
  Program,
  refusal,
} from './run-example.ts';

afterEach(endPrograms);

const text = async (url: string): Promise<string> => (await fetch(url)).text();

const native = [
  { name: 'Deno.serve', binary: DENO, args: ['run', '--no-prompt', '--allow-net=127.0.0.1', example('deno-serve/server.mjs')] },
  { name: 'Bun.serve', binary: BUN, args: [example('bun-serve/server.mjs')] },
];

describe.each(native.filter(({ binary }) => has(binary)))('upgrade() in $name', ({ binary, args }) => {
  test('server echoes text and bytes beside its page', async () => {
    const server = new Program(binary, [...args, '0']);
    const authority = await server.listens();
    expect(await text(`http://${authority}/`)).toBe('The echo is at /echo.\n');
    const ws = await connect(`ws://${authority}/echo`);
    expect(await exchange(ws, 'grüß dich')).toBe('grüß dich');
    expect(await exchange(ws, Buffer.of(0, 128, 255))).toEqual(Buffer.of(0, 128, 255));
    const closed = closing(ws);
    ws.close(3000, 'bye');
    expect(await closed).toEqual([3000, 'bye']);
    await server.printed(/Closed: 3000/);
    expect(server.errors).toBe('');
    await server.end('SIGTERM');
  });

  test('server refuses other requests, and survives a peer that breaks the protocol', async () => {
    const server = new Program(binary, [...args, '0']);
    const authority = await server.listens();
    expect((await fetch(`http://${authority}/echo`)).status).toBe(400);
    expect(await refusal(`ws://${authority}/`)).toBe('Unexpected server response: 200');
    expect([1002, 1006]).toContain(await breakProtocol(`ws://${authority}/echo`));
    expect(await exchange(await connect(`ws://${authority}/echo`), 'still there?')).toBe('still there?');
  });
});

describe('Express', () => {
  async function serve(): Promise<{ server: Program; authority: string }> {
    const server = new Program(NODE, [example('express/server.mjs'), '0']);
    return { server, authority: await server.listens() };
  }

  test('server has plain routes, and echoes', async () => {
    const { server, authority } = await serve();
    expect(await text(`http://${authority}/`)).toBe('WebSockets: /echo and /chat');
    expect((await fetch(`http://${authority}/echo`)).status).toBe(404);
    const ws = await connect(`ws://${authority}/echo?query=yes`);
    expect(await exchange(ws, 'hello')).toBe('hello');
    expect(await exchange(ws, Buffer.of(0, 128, 255))).toEqual(Buffer.of(0, 128, 255));
    expect(server.errors).toBe('');
  });

  test('server closes all connections with 1001 at SIGTERM, and ends', async () => {
    const { server, authority } = await serve();
    const clients = await Promise.all(['/echo', '/chat', '/echo'].map((path) => connect(`ws://${authority}${path}`)));
    // Kept alive, which would keep the HTTP server open.
    await text(`http://${authority}/`);
    const closes = clients.map((client) => closing(client));
    expect(await server.end('SIGTERM')).toBe(0);
    expect(await Promise.all(closes)).toEqual([
      [1001, ''],
      [1001, ''],
      [1001, ''],
    ]);
    expect(server.errors).toBe('');
    await server.printed(/Closed: 3/);
  });

  test('server passes on what one of three says to the other two', async () => {
    const { authority } = await serve();
    const [ada, grace, alan] = await Promise.all(
      ['/chat', '/chat', '/chat'].map((path) => connect(`ws://${authority}${path}`)),
    );
    const heard: unknown[] = [];
    ada.on('message', (data: Buffer) => heard.push(data.toString()));
    const others = Promise.all([nextMessage(grace), nextMessage(alan)]);
    ada.send('good morning');
    expect(await others).toEqual(['good morning', 'good morning']);
    // The answer comes behind whatever the server sent before: Ada has not heard herself.
    const answer = nextMessage(ada);
    grace.send('and to you');
    expect(await answer).toBe('and to you');
    expect(heard).toEqual(['and to you']);
    expect(await (await fetch(`http://${authority}/people`)).json()).toEqual({ people: 3 });
  });

  test('server limits messages by endpoint, refuses other paths, and goes on', async () => {
    const { server, authority } = await serve();
    const [chat, echo] = await Promise.all([connect(`ws://${authority}/chat`), connect(`ws://${authority}/echo`)]);
    const closed = closing(chat);
    chat.send('x'.repeat(4097));
    expect((await closed)[0]).toBe(1009);
    expect(await exchange(echo, 'x'.repeat(4097))).toBe('x'.repeat(4097));
    expect(await refusal(`ws://${authority}/elsewhere`)).toBe('Unexpected server response: 404');
    expect(await refusal(`ws://${authority}/constructor`)).toBe('Unexpected server response: 404');
    for (const path of ['echo', 'chat']) expect(await breakProtocol(`ws://${authority}/${path}`)).toBe(1002);
    await server.printed(/opcode/);
    expect(await exchange(echo, 'still there?')).toBe('still there?');
  });
});

describe('Fastify', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)('server has a plain route, echoes, and ends by %s with 1001', async (signal) => {
    const server = new Program(NODE, [example('fastify/server.mjs'), '0']);
    const authority = await server.listens();
    const ws = await connect(`ws://${authority}/echo`);
    expect(await (await fetch(`http://${authority}/`)).json()).toEqual({ webSocket: '/echo', clients: 1 });
    expect(await exchange(ws, 'hello')).toBe('hello');
    expect(await refusal(`ws://${authority}/elsewhere`)).toBe('Unexpected server response: 400');
    expect(await breakProtocol(`ws://${authority}/echo`)).toBe(1002);
    expect(await exchange(ws, Buffer.of(0, 128, 255))).toEqual(Buffer.of(0, 128, 255));
    const closed = closing(ws);
    expect(await server.end(signal)).toBe(0);
    expect(await closed).toEqual([1001, 'The server is stopping']);
  });
});

describe('Hono on Node.js', () => {
  test('server has a plain route, echoes, and ends by SIGTERM with 1001', async () => {
    const server = new Program(NODE, [example('hono/node.mjs'), '0']);
    const authority = await server.listens();
    expect(await text(`http://${authority}/`)).toBe('The echo is at /echo.');
    const ws = await connect(`ws://${authority}/echo`);
    expect(await exchange(ws, 'hello')).toBe('hello');
    const closed = closing(ws);
    expect(await server.end('SIGTERM')).toBe(0);
    expect(await closed).toEqual([1001, '']);
    await server.printed(/Closed: 1, dropped: 0/);
    expect(server.errors).toBe('');
  });
});
