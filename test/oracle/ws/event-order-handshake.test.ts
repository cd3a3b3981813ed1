// As event-order.test.ts: opening handshakes, and what ends them.

import { createServer as createHttpServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { WebSocket as WsWebSocket } from 'ws';
import { acceptanceHead, freePort, listen, serveRaw } from '../../support/sockets.ts';
import { closed, playTwice, type Script } from './event-story.ts';

/** A client whose handshake ends before it is open. */
function clientMeets(
  answer: (key: string) => string | null,
  act: (client: WsWebSocket) => void = () => {},
  options: object = {},
): Script {
  return async ({ api, log, cleanup }) => {
    const { url } = await serveRaw(cleanup, { answer });
    const client = log.watch('client', new api.WebSocket(url, ['one', 'two'], options));
    const done = closed(client);
    act(client);
    log.note('client', 'readyState', client.readyState);
    await done;
  };
}

function acceptance(key: string): string {
  return acceptanceHead(key).slice(0, -2);
}

const scripts: Record<string, Script> = {
  'connection refused': async ({ api, log }) => {
    await closed(log.watch('client', new api.WebSocket(`ws://127.0.0.1:${await freePort()}/`)));
  },
  '401': clientMeets(() => 'HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n'),
  '200': clientMeets(() => 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'),
  'a wrong Sec-WebSocket-Accept': clientMeets(
    () => 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n',
  ),
  'another upgrade': clientMeets(() => 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n'),
  'no subprotocol': clientMeets((key) => `${acceptance(key)}\r\n`),
  'a subprotocol nobody asked for': clientMeets((key) => `${acceptance(key)}Sec-WebSocket-Protocol: three\r\n\r\n`),
  'an unexpected-response listener': clientMeets(
    () => 'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n',
    (client) => client.on('unexpected-response', () => client.terminate()),
  ),
  'close() while connecting': clientMeets(
    () => null,
    (client) => client.close(),
  ),
  'terminate() while connecting': clientMeets(
    () => null,
    (client) => client.terminate(),
  ),
  'close() twice while connecting': clientMeets(
    () => null,
    (client) => {
      client.close();
      client.close();
      client.terminate();
    },
  ),
  'close() on upgrade': clientMeets(
    (key) => `${acceptance(key)}Sec-WebSocket-Protocol: one\r\n\r\n`,
    (client) => client.on('upgrade', () => client.close()),
  ),
  'no answer in time': clientMeets(
    () => null,
    () => {},
    { handshakeTimeout: 100 },
  ),
  'the server ends TCP': async ({ api, log, cleanup }) => {
    const tcp = createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end());
    });
    cleanup.add(() => tcp.close());
    await closed(log.watch('client', new api.WebSocket(`ws://127.0.0.1:${await listen(tcp)}/`)));
  },
  'a redirect that is not followed': clientMeets(() => 'HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n'),
  'a redirect that is followed': async ({ api, log, cleanup }) => {
    const http = createHttpServer();
    const port = await listen(http);
    const server = new api.WebSocketServer({ noServer: true });
    http.on('upgrade', (request, socket, head) => {
      if (request.url === '/new') server.handleUpgrade(request, socket, head, (ws) => ws.close(1000));
      else socket.end('HTTP/1.1 302 Found\r\nLocation: /new\r\nContent-Length: 0\r\n\r\n');
    });
    cleanup.add(() => http.close());
    const client = new api.WebSocket(`ws://127.0.0.1:${port}/old`, { followRedirects: true, perMessageDeflate: false });
    await closed(log.watch('client', client));
    log.note('client', 'url', client.url.replace(/\d+/g, ''));
  },
};

describe('the ws-style classes and ws tell the same story of', () => {
  test.each(Object.entries(scripts))('%s', async (_, script) => {
    const { theirs, ours } = await playTwice(script);
    expect(Object.values(theirs).flat().length).toBeGreaterThan(0);
    expect(ours).toEqual(theirs);
  });
});
