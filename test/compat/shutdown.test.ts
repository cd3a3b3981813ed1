// Graceful shutdown of the facades' servers: the same as that of WebSocketServer.

import { once } from 'node:events';
import { createServer, type Server as HttpServer } from 'node:http';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { Server as ClassicServer } from '../../src/compat/classic/index.ts';
import { WebSocketServer as JshServer } from '../../src/compat/jsh/index.ts';
import { server as WebSocketNodeServer } from '../../src/compat/websocket-node/index.ts';
import type { ShutdownOptions, ShutdownResult } from '../../src/admission/shutdown.ts';
import { connectRaw, listen, until } from '../support/sockets.ts';

type Shutdown = (options: ShutdownOptions) => Promise<ShutdownResult>;

/** Starts a facade's server on `http`, which accepts all requests. @returns Its shutdown. */
const facades: readonly (readonly [name: string, start: (http: HttpServer) => Shutdown])[] = [
  [
    'classic',
    (http) => {
      const server = new ClassicServer({ server: http });
      return (options) => server.shutdown(options);
    },
  ],
  [
    'jsh',
    (http) => {
      const server = new JshServer({ server: http, clientTracking: false });
      server.on('error', () => {});
      return (options) => server.shutdown(options);
    },
  ],
  [
    'websocket',
    (http) => {
      const server = new WebSocketNodeServer({ httpServer: http, autoAcceptConnections: true });
      return (options) => server.shutDown(options);
    },
  ],
];

async function open(port: number): Promise<WebSocket> {
  const client = new WebSocket(`ws://127.0.0.1:${port}/`);
  client.on('error', () => {});
  onTestFinished(() => client.terminate());
  await once(client, 'open');
  return client;
}

describe.each(facades)('%s', (_, start) => {
  async function serve(): Promise<{ shutdown: Shutdown; port: number }> {
    const http = createServer();
    onTestFinished(() => void http.close());
    const shutdown = start(http);
    return { shutdown, port: await listen(http) };
  }

  test('closes all connections with the code and the reason, and counts them', async () => {
    const { shutdown, port } = await serve();
    const clients = [await open(port), await open(port)];
    const closes = clients.map((client) => once(client, 'close'));
    expect(await shutdown({ reason: 'bye' })).toEqual({ closed: 2, terminated: 0, unsentMessages: 0 });
    for (const [code, reason] of (await Promise.all(closes)) as [number, Buffer][]) {
      expect([code, reason.toString()]).toEqual([1001, 'bye']);
    }
  });

  test('drops those that do not answer at the timeout, and refuses new requests with 503 meanwhile', async () => {
    const { shutdown, port } = await serve();
    const { socket } = await connectRaw(port);
    const done = shutdown({ timeout: 1000 });
    const late = new WebSocket(`ws://127.0.0.1:${port}/`);
    const [error] = (await once(late, 'error')) as [Error];
    expect(error.message).toBe('Unexpected server response: 503');
    expect(await done).toEqual({ closed: 0, terminated: 1, unsentMessages: 0 });
    await until('the end', () => socket.destroyed || socket.readableEnded);
    socket.destroy();
  });

  test('with an option of no use rejects', async () => {
    const { shutdown, port } = await serve();
    await expect(shutdown({ timeout: -1 })).rejects.toThrow(/timeout/);
    await open(port);
  });
});

test('classic: an HTTP server of its own stops listening', async () => {
  const server = new ClassicServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const { port } = server._server!.address() as { port: number };
  const client = await open(port);
  const closed = once(client, 'close');
  expect(await server.shutdown()).toEqual({ closed: 1, terminated: 0, unsentMessages: 0 });
  expect((await closed)[0]).toBe(1001);
  expect(server._server!.listening).toBe(false);
});

test('websocket: a request that was not accepted yet gets a 503', async () => {
  const http = createServer();
  onTestFinished(() => void http.close());
  const server = new WebSocketNodeServer({ httpServer: http });
  const asked = once(server, 'request');
  const port = await listen(http);
  const client = new WebSocket(`ws://127.0.0.1:${port}/`);
  const refused = once(client, 'error');
  await asked;
  expect(await server.shutDown({})).toEqual({ closed: 0, terminated: 0, unsentMessages: 0 });
  expect(((await refused)[0] as Error).message).toBe('Unexpected server response: 503');
});

test('websocket: one of two servers on an HTTP server writes nothing into the WebSockets of the other while it shuts down', async () => {
  const http = createServer();
  onTestFinished(() => void http.close());
  const [other, server] = ['/other', '/'].map((path) => {
    const made = new WebSocketNodeServer({ httpServer: http });
    made.on('request', (request) => {
      if (request.resource === path) request.accept(null, request.origin);
    });
    return made;
  });
  const port = await listen(http);
  const { socket } = await connectRaw(port);
  await until('the connection', () => server.metrics().open === 1);
  const done = server.shutDown({});
  const peer = await connectRaw(port, { path: '/other' });
  onTestFinished(() => void peer.socket.destroy());
  expect(peer.head).toMatch(/^HTTP\/1.1 101 /);
  other.broadcastUTF('x');
  expect((await peer.readBytes(3)).toString('hex')).toBe('810178');
  expect(peer.hasEnded).toBe(false);
  expect(server.metrics().refused.shutdown).toBe(0);
  socket.destroy();
  await done;
});

test.each([
  ['shutdown', (server: ClassicServer): void => void server.shutdown({ timeout: 0 })],
  ['closed', (server: ClassicServer): void => server.close()],
] as const)('classic: a request whose hook never answers gets a 503, counted as %s', async (reason, end) => {
  const http = createServer();
  onTestFinished(() => void http.close());
  let isAsked = false;
  const verifyClient = (_info: unknown, _decide: unknown): void => void (isAsked = true);
  const server = new ClassicServer({ server: http, verifyClient });
  const port = await listen(http);
  const client = new WebSocket(`ws://127.0.0.1:${port}/`);
  onTestFinished(() => client.terminate());
  const refused = once(client, 'error');
  await until('the hook', () => isAsked);
  end(server);
  expect(((await refused)[0] as Error).message).toBe('Unexpected server response: 503');
  expect(server.metrics().refused).toMatchObject({ [reason]: 1, verifyClient: 0, hook: 0 });
});
