// The README's example: the same two files on Node.js, Deno and Bun, each server against each client.

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
  NODE,
  Program,
} from './run-example.ts';
import { freePort } from '../support/sockets.ts';

const runtimes = [
  { name: 'Node.js', binary: NODE, before: [] },
  { name: 'Deno', binary: DENO, before: ['run', '-A'] },
  { name: 'Bun', binary: BUN, before: [] },
].filter(({ binary }) => has(binary));

afterEach(endPrograms);

describe.each(runtimes)('echo on $name', ({ binary, before }) => {
  async function serve(): Promise<{ server: Program; url: string }> {
    const server = new Program(binary, [...before, example('echo/server.mjs'), '0']);
    return { server, url: `ws://${await server.listens()}/` };
  }

  test('server echoes text and bytes, and ends by Ctrl-C with 1001', async () => {
    const { server, url } = await serve();
    const ws = await connect(url);
    expect(await exchange(ws, 'grüß dich')).toBe('grüß dich');
    expect(await exchange(ws, Buffer.of(0, 128, 255))).toEqual(Buffer.of(0, 128, 255));
    const closed = closing(ws);
    expect(await server.end('SIGINT')).toBe(0);
    expect(await closed).toEqual([1001, 'The server is stopping']);
    expect(server.output).toBe(`Listening on ${url}\n`);
    expect(server.errors).toBe('');
  });

  test('server survives a peer that breaks the protocol', async () => {
    const { server, url } = await serve();
    expect(await breakProtocol(url)).toBe(1002);
    expect(await exchange(await connect(url), 'still there?')).toBe('still there?');
    await server.printed(/opcode/);
  });

  test.each(runtimes)('client talks to the server on $name', async (other) => {
    const server = new Program(other.binary, [...other.before, example('echo/server.mjs'), '0']);
    const client = new Program(binary, [...before, example('echo/client.mjs'), `ws://${await server.listens()}/`]);
    expect(await client.ended()).toBe(0);
    expect(client.output).toBe('Received: hello\nClosed: 1000 done\n');
    expect(client.errors).toBe('');
  });

  test('client says that nobody listens, and exits with 1', async () => {
    const url = `ws://127.0.0.1:${await freePort()}/`;
    const client = new Program(binary, [...before, example('echo/client.mjs'), url]);
    expect(await client.ended()).toBe(1);
    expect(client.errors).toMatch(/^No luck: .*ECONNREFUSED/);
    expect(client.output).toBe('Closed: 1006 \n');
  });
});
