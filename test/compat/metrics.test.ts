// Metrics of the facades' servers: connections, messages, ends, errors, refusals, times of handshakes.

import { once } from 'node:events';
import { createServer, type Server as HttpServer } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import type { ServerMetrics } from '../../src/admission/metrics.ts';
import { Server as ClassicServer } from '../../src/compat/classic/index.ts';
import { WebSocketServer as JshServer } from '../../src/compat/jsh/index.ts';
import { server as WebSocketNodeServer, type connection } from '../../src/compat/websocket-node/index.ts';
import { hex } from '../support/frames.ts';
import { connectRaw, listen, requestHead, until, type RawPeer } from '../support/sockets.ts';

/** Starts a facade's server on `http`, which sends each text back. @returns Its metrics. */
const facades: readonly (readonly [name: string, start: (http: HttpServer) => () => ServerMetrics])[] = [
  [
    'classic',
    (http) => {
      const server = new ClassicServer({ server: http });
      server.on('connection', (ws) => ws.on('error', () => {}).on('message', (data) => ws.send(data)));
      return () => server.metrics();
    },
  ],
  [
    'jsh',
    (http) => {
      const server = new JshServer({ server: http });
      server.on('error', () => {});
      server.on('connection', (ws) => ws.on('error', () => {}).on('message', ({ data }) => ws.send(data as string)));
      return () => server.metrics();
    },
  ],
  [
    'websocket',
    (http) => {
      const server = new WebSocketNodeServer({ httpServer: http, autoAcceptConnections: true });
      server.on('connect', (peer: InstanceType<typeof connection>) => {
        peer.on('error', () => {}).on('message', (message) => peer.sendUTF((message as { utf8Data: string }).utf8Data));
      });
      return () => server.metrics();
    },
  ],
];

test.each(facades)('%s counts connections, messages, ends and errors', async (_, start) => {
  const http = createServer();
  onTestFinished(() => void http.close());
  const metrics = start(http);
  const port = await listen(http);
  const client = new WebSocket(`ws://127.0.0.1:${port}/`, { perMessageDeflate: false });
  onTestFinished(() => client.terminate());
  await once(client, 'open');
  expect(metrics()).toMatchObject({ open: 1, opened: 1, messagesIn: 0, messagesOut: 0 });
  for (const text of ['four', 'twenty bytes of text']) {
    client.send(text);
    expect(String((await once(client, 'message'))[0])).toBe(text);
  }
  expect(metrics()).toMatchObject({ messagesIn: 2, messagesOut: 2, bytesIn: 24, bytesOut: 24, bufferedIn: 0, bufferedOut: 0 });
  expect(metrics().payloadIn).toMatchObject({ sum: 24, count: 2 });
  const { socket } = await connectRaw(port);
  onTestFinished(() => void socket.destroy());
  await until('the second', () => metrics().open === 2);
  // An opcode that there is not.
  socket.write(hex('83 80 00 00 00 00'));
  await until('the error', () => metrics().errors['WS_ERR_INVALID_OPCODE'] === 1);
  socket.end();
  client.close(4321);
  await until('all ends', () => metrics().open === 0);
  expect(metrics()).toMatchObject({ opened: 2, closeCodes: { 4321: 1 }, handshakeTime: { count: 2 }, refused: { request: 0 } });
  expect(Object.values(metrics().closeCodes).reduce((one, other) => one + other)).toBe(2);
});

/** Starts a facade's server with hooks that look at the path. @returns The server, and its shutdown. */
const refusing: readonly (readonly [
  name: string,
  start: (http: HttpServer) => { metrics(): ServerMetrics; shutdown(): Promise<unknown> },
])[] = [
  [
    'classic',
    (http) => {
      const verifyClient = ({ req }: { req: { url?: string | undefined } }): boolean | Promise<boolean> =>
        req.url === '/failing' ? Promise.reject(new Error('a test')) : req.url !== '/forbidden';
      return new ClassicServer({ server: http, verifyClient });
    },
  ],
  [
    'jsh',
    (http) => {
      const verifyClient = ({ req }: { req: { url: string } }): boolean => {
        if (req.url.endsWith('failing')) throw new Error('a test');
        return !req.url.endsWith('forbidden');
      };
      const start = (path: string): JshServer => new JshServer({ server: http, path, verifyClient }).on('error', () => {});
      const servers = ['/', '/failing', '/forbidden'].map(start);
      return {
        metrics() {
          const all = servers.map((server) => server.metrics());
          const sum = (reason: string): number =>
            all.reduce((before, { refused }) => before + (refused as Record<string, number>)[reason], 0);
          const refused = Object.fromEntries(Object.keys(all[0].refused).map((reason) => [reason, sum(reason)]));
          return { ...all[0], refused } as ServerMetrics;
        },
        shutdown: () => servers[0].shutdown(),
      };
    },
  ],
  [
    'websocket',
    (http) => {
      const server = new WebSocketNodeServer({ httpServer: http });
      server.on('request', (request) => {
        if (request.resource === '/forbidden') request.reject(403);
        else request.accept(request.resource === '/failing' ? 'not offered' : null, request.origin);
      });
      return { metrics: () => server.metrics(), shutdown: () => server.shutDown({}) };
    },
  ],
];

test.each(refusing)('%s counts refusals by reason, and the time of handshakes', async (_, start) => {
  const http = createServer();
  onTestFinished(() => void http.close());
  const server = start(http);
  const port = await listen(http);
  const peers: RawPeer[] = [];
  const outcome = async (path: string, fields: readonly string[] = []): Promise<string> => {
    const peer = await connectRaw(port, { path, fields });
    peers.push(peer);
    onTestFinished(() => void peer.socket.destroy());
    return peer.head.slice('HTTP/1.1 '.length, 'HTTP/1.1 101'.length);
  };
  expect(await outcome('/')).toBe('101');
  expect(await outcome('/forbidden')).toMatch(/^40[13]$/);
  expect(await outcome('/failing')).toBe('500');
  expect(await outcome('/', ['Content-Length: 5'])).toBe('400');
  const { refused, handshakeTime, opened } = server.metrics();
  expect({ opened, times: handshakeTime.count }).toEqual({ opened: 1, times: 1 });
  expect(refused).toMatchObject({ verifyClient: 1, hook: 1, request: 1, shutdown: 0 });
  const done = server.shutdown();
  expect(await outcome('/')).toBe('503');
  expect(server.metrics().refused.shutdown).toBe(1);
  for (const { socket } of peers) socket.destroy();
  await done;
});

test('websocket counts requests that closeAllConnections() rejects under closed, and those whose clients have left not at all', async () => {
  const http = createServer();
  onTestFinished(() => void http.close());
  const server = new WebSocketNodeServer({ httpServer: http });
  const requests: { socket: { destroyed: boolean }; reject(): void }[] = [];
  server.on('request', (request) => void requests.push(request));
  const port = await listen(http);
  const leaving = connect(port, '127.0.0.1', () => leaving.write(requestHead('/')));
  await until('the first', () => requests.length === 1);
  leaving.resetAndDestroy();
  await until('its end', () => requests[0].socket.destroyed);
  requests[0].reject();
  const waiting = connectRaw(port);
  await until('the second', () => requests.length === 2);
  server.closeAllConnections();
  const { head, socket } = await waiting;
  socket.destroy();
  expect(head).toMatch(/^HTTP\/1.1 503 /);
  expect(server.metrics().refused).toMatchObject({ closed: 1, verifyClient: 0 });
});

test('classic does not count a request as refused whose client has left before its hook answers', async () => {
  const http = createServer();
  onTestFinished(() => void http.close());
  const sockets: Duplex[] = [];
  http.on('upgrade', (_request, socket) => void sockets.push(socket));
  let refuse: (isAccepted: boolean) => void = () => {};
  const answer = new Promise<boolean>((resolve) => (refuse = resolve));
  const server = new ClassicServer({ server: http, verifyClient: () => answer });
  const port = await listen(http);
  const client = connect(port, '127.0.0.1', () => client.write(requestHead('/')));
  await until('the request', () => sockets.length === 1);
  client.resetAndDestroy();
  await until('its end', () => sockets[0].destroyed);
  refuse(false);
  await new Promise((resolve) => void setImmediate(resolve));
  expect(server.metrics().refused.verifyClient).toBe(0);
});
