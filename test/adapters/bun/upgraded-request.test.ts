// Responses that a program makes for a request after its upgrade, as express-ws does.

import { once } from 'node:events';
import { createServer, type IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from '../../../adapters/bun/index.ts';

const server = createServer();
const wss = new WebSocketServer({ noServer: true });
afterAll(() => server.close());

test('a response to a request that was upgraded writes nothing into the connection', async () => {
  let request: IncomingMessage | undefined;
  server.on('upgrade', (upgraded: IncomingMessage, socket, head) => {
    request = upgraded;
    wss.handleUpgrade(upgraded, socket, head, (ws) => {
      const response = new ServerResponse(upgraded);
      response.statusCode = 500;
      response.end('a fault');
      ws.on('message', (data) => ws.send(data));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  await once(client, 'open');
  client.send('still a WebSocket');
  const [data] = (await once(client, 'message')) as [Buffer];
  expect(data.toString()).toBe('still a WebSocket');
  expect(request?.socket.remoteAddress).toBe('127.0.0.1');

  const closed = once(client, 'close');
  client.close(1000);
  expect((await closed)[0]).toBe(1000);
});
