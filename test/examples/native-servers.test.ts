// WebSockets beside plain routes in Deno.serve and Bun.serve.

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
