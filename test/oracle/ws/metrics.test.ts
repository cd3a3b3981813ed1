// Metrics of a server whose clients are those of ws, and of clients whose server is that of ws: exact numbers.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { WebSocket as Ws, WebSocketServer as WsServer } from 'ws';
import { metrics, WebSocket, WebSocketServer } from '../../../adapters/node/index.ts';
import { pattern } from '../../support/frames.ts';
import { until } from '../../support/sockets.ts';

let cleanUp = (): void => {};
afterEach(() => cleanUp());

test('a server counts the messages of ws: fragments, compressed ones, controls in between, and close codes', async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true });
  server.on('connection', (ws) =>
    ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary, compress: isBinary })),
  );
  await once(server, 'listening');
  const client = new Ws(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  cleanUp = () => {
    client.terminate();
    server.close();
  };
  await once(client, 'open');
  let echoes = 0;
  client.on('message', () => echoes++);
  client.send('plain', { compress: false });
  client.send(pattern(70_000), { compress: true });
  for (let index = 0; index < 10; index++) {
    client.send('0123456789', { fin: index === 9, compress: index === 0 });
    client.ping('in between');
  }
  client.send(Buffer.alloc(100_000), { fin: false, compress: false });
  client.send(Buffer.alloc(1), { compress: false });
  client.send('');
  await until('all echoes', () => echoes === 5);
  const during = server.metrics();
  const bytes = 5 + 70_000 + 100 + 100_001;
  expect(during).toMatchObject({ messagesIn: 5, messagesOut: 5, bytesIn: bytes, bytesOut: bytes, open: 1 });
  // The pattern; text in fragments; the empty text.
  expect(during.compressedIn).toMatchObject({ messages: 3, payloadBytes: 70_100 });
  // Both binary messages.
  expect(during.compressedOut).toMatchObject({ messages: 2, payloadBytes: 170_001 });
  client.close(3999, 'enough');
  await until('the end', () => server.metrics().open === 0);
  expect(server.metrics()).toMatchObject({ closeCodes: { 3999: 1 }, errors: {} });
});

test('clients count what a server of ws sends, and how it refuses', async () => {
  const server = new WsServer({
    port: 0,
    host: '127.0.0.1',
    verifyClient: ({ req }: { req: { url?: string | undefined } }) => req.url !== '/refused',
  });
  server.on('connection', (ws) => {
    ws.send('two ', { fin: false });
    ws.send('parts');
    ws.close(1013, 'later');
  });
  cleanUp = () => server.close();
  await once(server, 'listening');
  const address = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const before = metrics().client;
  await once(new WebSocket(address), 'close');
  await expect(once(new WebSocket(`${address}/refused`), 'open')).rejects.toThrow('401');
  const { client } = metrics();
  expect(client.messagesIn - before.messagesIn).toBe(1);
  expect(client.bytesIn - before.bytesIn).toBe(9);
  expect(client.opened - before.opened).toBe(1);
  expect(client.closeCodes[1013]).toBe((before.closeCodes[1013] ?? 0) + 1);
  expect(client.failed[401]).toBe((before.failed[401] ?? 0) + 1);
  expect(client.open).toBe(before.open);
});
