// Express, with endpoints told apart by their path.

import { afterEach, describe, expect, test } from 'vitest';
import {
  breakProtocol,
  closing,
  connect,
  endPrograms,
  exchange,
  nextMessage,
  NODE,
  Program,
  refusal,
} from '../examples/run-example.ts';
import { framework, serves, stops } from './framework-rules.ts';

afterEach(endPrograms);

describe('Express', () => {
  async function serve(): Promise<{ server: Program; authority: string }> {
    const server = new Program(NODE, [framework('express/server.mjs'), '0']);
    return { server, authority: await server.listens() };
  }

  test('server has plain routes, echoes, and ends by SIGTERM', async () => {
    const { server, authority } = await serve();
    await serves(authority, { answer: 'WebSockets: /echo and /chat' });
    expect((await fetch(`http://${authority}/echo`)).status).toBe(404);
    await stops(server, authority);
  });

  test('server closes all connections with 1001 at SIGTERM, and ends', async () => {
    const { server, authority } = await serve();
    const clients = await Promise.all(['/echo', '/chat', '/echo'].map((path) => connect(`ws://${authority}${path}`)));
    // Kept alive, which would keep the HTTP server open.
    await (await fetch(`http://${authority}/`)).text();
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
