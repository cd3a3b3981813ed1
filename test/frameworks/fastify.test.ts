// Fastify, whose own close waits for the WebSockets.

import { afterEach, describe, expect, test } from 'vitest';
import { breakProtocol, closing, connect, endPrograms, exchange, NODE, Program, refusal } from '../examples/run-example.ts';
import { framework, serves, stops } from './framework-rules.ts';

afterEach(endPrograms);

describe('Fastify', () => {
  async function serve(): Promise<{ server: Program; authority: string }> {
    const server = new Program(NODE, [framework('fastify/server.mjs'), '0']);
    return { server, authority: await server.listens() };
  }

  test('server has a plain route, echoes, and ends by SIGTERM', async () => {
    const { server, authority } = await serve();
    await serves(authority, { answer: '{"webSocket":"/echo","clients":0}' });
    await stops(server, authority, { reason: 'The server is stopping' });
  });

  test('server refuses other paths, survives a peer that breaks the protocol, and ends by SIGINT', async () => {
    const { server, authority } = await serve();
    const ws = await connect(`ws://${authority}/echo`);
    expect(await refusal(`ws://${authority}/elsewhere`)).toBe('Unexpected server response: 400');
    expect(await breakProtocol(`ws://${authority}/echo`)).toBe(1002);
    expect(await exchange(ws, 'still there?')).toBe('still there?');
    const closed = closing(ws);
    expect(await server.end('SIGINT')).toBe(0);
    expect(await closed).toEqual([1001, 'The server is stopping']);
  });
});
