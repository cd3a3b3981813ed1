// The facade against the libraries of today: ws 8 as client and as server, undici's WebSocket.

import { once } from 'node:events';
import { WebSocket as UndiciWebSocket } from 'undici';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket as ModernWebSocket, WebSocketServer as ModernServer } from 'ws';
import type { AddressInfo } from 'node:net';
import type { WebSocket } from '../../../src/compat/classic/index.ts';
import { until, within } from '../../support/sockets.ts';
import { ended, messagesOf, nextClient, nextMessage, openClient, startServer } from './peers.ts';

function echo(ws: WebSocket): void {
  ws.on('message', (data, { binary }) => ws.send(data, { binary }));
}

describe('our server', () => {
  test.each([8, 13])('talks to the client of ws 8 in version %d', async (protocolVersion) => {
    const { server, url } = await startServer();
    server.on('connection', echo);
    const client = new ModernWebSocket(url, ['chat', 'other'], { protocolVersion, origin: 'http://o.example' });
    const accepted = nextClient(server);
    await once(client, 'open');
    const ws = await accepted;
    expect([client.protocol, client.extensions, ws.protocol]).toEqual(['chat', '', 'chat']);
    for (const data of ['grüße', 'x'.repeat(70_000), Buffer.alloc(70_000, 7), Buffer.alloc(0)]) {
      client.send(data);
      const [answer, isBinary] = (await once(client, 'message')) as [Buffer, boolean];
      expect(answer.equals(Buffer.from(data))).toBe(true);
      expect(isBinary).toBe(typeof data !== 'string');
    }
    client.ping('p');
    expect(String((await once(client, 'pong'))[0])).toBe('p');
    client.send('a', { fin: false });
    client.send('b', { fin: true });
    expect(String((await once(client, 'message'))[0])).toBe('ab');
    const both = Promise.all([once(client, 'close') as Promise<[number, Buffer]>, ended(ws)]);
    client.close(4321, 'over');
    const [[code, reason], serverSide] = await both;
    expect([code, String(reason)]).toEqual([4321, 'over']);
    expect(serverSide).toEqual([4321, 'over']);
  });

  test("talks to undici's WebSocket", async () => {
    const { server, url } = await startServer();
    server.on('connection', echo);
    const accepted = nextClient(server);
    const client = new UndiciWebSocket(url, ['chat']);
    const ws = await accepted;
    client.binaryType = 'arraybuffer';
    await within('open', new Promise((resolve) => client.addEventListener('open', resolve)));
    expect(client.protocol).toBe('chat');
    const answers: unknown[] = [];
    client.addEventListener('message', ({ data }: { data: unknown }) => answers.push(data));
    client.send('text');
    client.send(Uint8Array.of(1, 2, 3));
    await until('both answers', () => answers.length === 2);
    expect(answers).toEqual(['text', Uint8Array.of(1, 2, 3).buffer]);
    client.close(3001, 'over');
    expect(await ended(ws)).toEqual([3001, 'over']);
  });

  test('streams to the client of ws 8', async () => {
    const { server, url } = await startServer();
    const client = new ModernWebSocket(url);
    const ws = await nextClient(server);
    const parts = ['one ', 'two ', 'three'];
    ws.stream((_error, send) => send(parts.shift(), parts.length === 0));
    ws.send('behind');
    const messages: string[] = [];
    client.on('message', (message: Buffer, isBinary) => messages.push(`${isBinary} ${String(message)}`));
    await until('both messages', () => messages.length === 2);
    expect(messages).toEqual(['false one two three', 'false behind']);
    client.terminate();
  });
});

describe('our client', () => {
  test.each([8, 13] as const)('talks to the server of ws 8 in version %d', async (protocolVersion) => {
    const server = new ModernServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true });
    onTestFinished(() => server.close());
    await once(server, 'listening');
    server.on('connection', (ws) => ws.on('message', (data: Buffer, isBinary) => ws.send(data, { binary: isBinary })));
    const ws = openClient(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, ['chat'], { protocolVersion });
    await once(ws, 'open');
    expect(ws.protocol).toBe('chat');
    ws.send('grüße');
    expect(await nextMessage(ws)).toMatchObject({ data: 'grüße', flags: { binary: false, masked: false } });
    const bytes = Buffer.alloc(70_000, 9);
    ws.send(bytes);
    expect((await nextMessage(ws)).data).toEqual(bytes);
    const messages = messagesOf(ws);
    let count = 0;
    ws.stream({ binary: true }, (_error, send) => send([count], ++count === 4));
    await until('the stream', () => messages.length === 1);
    expect(messages[0]).toEqual(Buffer.from([0, 1, 2, 3]));
    ws.ping('p');
    expect(String((await once(ws, 'pong'))[0])).toBe('p');
    ws.close(4002, 'over');
    expect(await ended(ws)).toEqual([4002, 'over']);
  });
});
