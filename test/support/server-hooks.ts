// Hooks of a server that answer later, fail, or are overtaken by the end of the client or of the server, over real sockets.
// With the classes of any ws-style entry point.

import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { Duplex } from 'node:stream';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type * as node from '../../adapters/node/index.ts';
import { frame, hex, pattern } from './frames.ts';
import { Cleanup, KEY, listen, RawPeer, requestHead, sleep, until } from './sockets.ts';

type Entry = Pick<typeof node, 'WebSocket' | 'WebSocketServer'>;
type Socket = InstanceType<Entry['WebSocket']>;
type Server = InstanceType<Entry['WebSocketServer']>;
type Options = NonNullable<ConstructorParameters<Entry['WebSocketServer']>[0]>;
type Decide = (ok: boolean | object, code?: number, message?: string, headers?: Record<string, string>) => void;

const OFFER = ['Sec-WebSocket-Protocol: one, two', 'Origin: https://example.com'];
const oops = (): never => {
  throw new Error('oops');
};
const later = async <Value>(value: Value): Promise<Value> => {
  await sleep(5);
  return value;
};
const laterOops = (): Promise<never> => later(0).then(oops);

function thenable(property: PropertyDescriptor): object {
  // oxlint-disable-next-line unicorn/no-thenable -- that is what is tested
  return Object.defineProperty({}, 'then', property);
}

/** A promise, and the function that fulfils it. */
function verdict(): { readonly promise: Promise<boolean>; readonly resolve: (value: boolean) => void } {
  let resolve: (value: boolean) => void = oops;
  const promise = new Promise<boolean>((fulfil) => (resolve = fulfil));
  return { promise, resolve };
}

/** A hook, and the status of the answer. */
const HOOKS: readonly [string, Options, number][] = [
  ['verifyClient: a promise of true', { verifyClient: () => later(true) }, 101],
  ['verifyClient: a promise of an object', { verifyClient: () => later({}) }, 101],
  ['verifyClient: a promise of false', { verifyClient: () => later(false) }, 401],
  ['verifyClient: a promise of nothing', { verifyClient: () => later(undefined) }, 401],
  ['verifyClient: a promise of null', { verifyClient: () => later(null) }, 401],
  [
    'verifyClient: a thenable of false',
    { verifyClient: () => thenable({ value: (fulfil: (value: boolean) => void) => fulfil(false) }) },
    401,
  ],
  ['verifyClient: a rejection', { verifyClient: laterOops }, 500],
  ['verifyClient: a rejection with nothing', { verifyClient: () => Promise.reject(undefined) }, 500],
  ['verifyClient: a rejection with a value without a text', { verifyClient: () => Promise.reject(Object.create(null)) }, 500],
  [
    'verifyClient: a rejection with a value whose stack throws',
    { verifyClient: () => Promise.reject(Object.defineProperty({}, 'stack', { get: oops })) },
    500,
  ],
  ['verifyClient: an exception', { verifyClient: oops }, 500],
  ['verifyClient: a `then` that throws', { verifyClient: () => thenable({ get: oops }) }, 500],
  [
    'verifyClient with a callback: late',
    { verifyClient: (_: unknown, decide: Decide) => void later(0).then(() => decide(true)) },
    101,
  ],
  [
    'verifyClient with a callback: async',
    { verifyClient: async (_: unknown, decide: Decide) => decide(await later(true)) },
    101,
  ],
  [
    'verifyClient with a callback: async, refused',
    { verifyClient: async (_: unknown, d: Decide) => d(await later(false), 402) },
    402,
  ],
  [
    'verifyClient with a callback: a promise of false',
    { verifyClient: (_info: unknown, _decide: Decide) => later(false) },
    401,
  ],
  ['verifyClient with a callback: a promise of true', { verifyClient: (_info: unknown, _decide: Decide) => later(true) }, 101],
  ['verifyClient with a callback: a rejection', { verifyClient: (_info: unknown, _decide: Decide) => laterOops() }, 500],
  ['verifyClient with a callback: an exception', { verifyClient: (_info: unknown, _decide: Decide) => oops() }, 500],
  [
    'verifyClient with a callback: called, then an exception',
    { verifyClient: (_: unknown, d: Decide) => (d(true), oops()) },
    101,
  ],
  [
    'verifyClient with a callback: refused, then a rejection',
    { verifyClient: (_: unknown, d: Decide) => (d(false), laterOops()) },
    401,
  ],
  ['verifyClient with a callback: an impossible status', { verifyClient: (_: unknown, d: Decide) => d(false, 1) }, 500],
  [
    'verifyClient with a callback: an impossible status, late',
    { verifyClient: (_: unknown, d: Decide) => void setTimeout(d, 5, false, 1) },
    500,
  ],
  [
    'verifyClient with a callback: a field that would forge another, late',
    {
      verifyClient: (_: unknown, d: Decide) => void setTimeout(d, 5, false, 401, '', { X: 'a\r\nY: b' }),
    },
    500,
  ],
  ['allowedOrigins: a promise of true', { allowedOrigins: () => later(true) }, 101],
  ['allowedOrigins: a promise of false', { allowedOrigins: () => later(false) }, 403],
  ['allowedOrigins: a promise of something else', { allowedOrigins: (() => later('yes')) as never }, 403],
  ['allowedOrigins: a rejection', { allowedOrigins: laterOops }, 500],
  ['allowedOrigins: an exception', { allowedOrigins: oops }, 500],
  ['handleProtocols: a promise', { handleProtocols: () => later('two') }, 101],
  ['handleProtocols: a promise of false', { handleProtocols: () => later(false) }, 101],
  ['handleProtocols: a rejection', { handleProtocols: laterOops }, 500],
  ['handleProtocols: an exception', { handleProtocols: oops }, 500],
  ['handleProtocols: no token', { handleProtocols: () => 'a b\r\nX: y' }, 500],
];

/** Declares the tests. */
export function describeServerHooks(name: string, { WebSocket, WebSocketServer }: Entry): void {
  const cleanup = new Cleanup();
  const uncaught: unknown[] = [];
  const onUncaught = (error: unknown): number => uncaught.push(error);
  beforeEach(() => {
    uncaught.length = 0;
    process.on('uncaughtException', onUncaught).on('unhandledRejection', onUncaught);
  });
  afterEach(async () => {
    await cleanup.run();
    await sleep(1);
    process.off('uncaughtException', onUncaught).off('unhandledRejection', onUncaught);
    expect(uncaught).toEqual([]);
  });

  const serve = async (kind: string, options: Options, Class = WebSocketServer): Promise<{ server: Server; port: number }> => {
    const http = kind === 'server' ? createServer() : undefined;
    const server = new Class({ ...options, ...(http ? { server: http } : { port: 0, host: '127.0.0.1' }) });
    cleanup.add(() => {
      for (const client of server.clients) client.terminate();
      server.close();
      http?.close();
    });
    if (http) await listen(http);
    else await once(server, 'listening');
    return { server, port: (server.address() as AddressInfo).port };
  };
  const request = (port: number): RawPeer => {
    const peer = new RawPeer(connect(port, '127.0.0.1'));
    cleanup.add(() => peer.socket.destroy());
    peer.write(requestHead('/', OFFER));
    return peer;
  };
  const statusOf = async (port: number): Promise<number> => Number((await request(port).readHead()).split(' ')[1]);

  describe.each(['port', 'server'])(`hooks of a server with a %s on ${name}`, (kind) => {
    test.each(HOOKS)('server answers by %s', async (_, options, status) => {
      const { port } = await serve(kind, options);
      expect(await statusOf(port)).toBe(status);
      // It goes on, and has not called its hook for nothing.
      expect(await statusOf(port)).toBe(status);
    });

    test('server speaks the subprotocol that a promise names', async () => {
      const { server, port } = await serve(kind, { handleProtocols: () => later('two') });
      const connected = once(server, 'connection') as Promise<[InstanceType<Entry['WebSocket']>]>;
      expect(await request(port).readHead()).toContain('Sec-WebSocket-Protocol: two');
      expect((await connected)[0].protocol).toBe('two');
    });

    test.each([
      ['returns', () => ({ user: 'ada' })],
      ['promises', () => later({ user: 'ada' })],
      ['passes', (_: unknown, decide: Decide) => decide({ user: 'ada' })],
    ])('server hands over the object that verifyClient %s', async (_, verifyClient) => {
      const { server, port } = await serve(kind, { verifyClient: verifyClient });
      const connected = once(server, 'connection') as Promise<[unknown, { context?: unknown }]>;
      expect(await statusOf(port)).toBe(101);
      expect((await connected)[1].context).toEqual({ user: 'ada' });
    });

    test.each([
      ['true', () => later(true), 101],
      ['false', () => later(false), 400],
      ['a rejection', laterOops, 500],
      ['an exception', oops, 500],
    ] as const)('server awaits shouldHandle: %s', async (_, shouldHandle, status) => {
      class Mine extends WebSocketServer {
        override shouldHandle(): boolean | Promise<boolean> {
          return shouldHandle();
        }
      }
      const { port } = await serve(kind, {}, Mine as never);
      expect(await statusOf(port)).toBe(status);
    });

    test("server answers 500 when a 'headers' listener throws", async () => {
      const { server, port } = await serve(kind, {});
      server.once('headers', oops);
      expect(await statusOf(port)).toBe(500);
      expect(await statusOf(port)).toBe(101);
    });

    test('server answers 500 when the class of its sockets throws', async () => {
      class Mine extends WebSocket {
        constructor() {
          super(null);
          oops();
        }
      }
      const { port } = await serve(kind, { WebSocket: Mine });
      expect(await statusOf(port)).toBe(500);
    });

    test("server tells 'wsClientError' of a hook that failed, and answers", async () => {
      const { server, port } = await serve(kind, { verifyClient: laterOops });
      const told = once(server, 'wsClientError');
      expect(await statusOf(port)).toBe(500);
      const [error, , message] = (await told) as [Error, unknown, IncomingMessage];
      expect([error.message, message.url]).toEqual(['oops', '/']);
    });

    test("server hands an error of another realm to 'wsClientError' as it is", async () => {
      const thrown: unknown = runInNewContext('new TypeError("oops")');
      const verifyClient = (): never => {
        throw thrown;
      };
      const { server, port } = await serve(kind, { verifyClient });
      const told = once(server, 'wsClientError');
      expect(await statusOf(port)).toBe(500);
      expect((await told)[0]).toBe(thrown);
    });

    test("server leaves the answer to a 'wsClientError' listener that gives one", async () => {
      const { server, port } = await serve(kind, { handleProtocols: oops });
      server.on('wsClientError', (_error, socket) => socket.end('HTTP/1.1 599 Mine\r\nContent-Length: 0\r\n\r\n'));
      expect(await statusOf(port)).toBe(599);
    });

    test('server loses nothing that comes while hooks are pending', async () => {
      const { server, port } = await serve(kind, { verifyClient: () => later(true), handleProtocols: () => later('one') });
      const messages: Buffer[] = [];
      server.on('connection', (ws) => ws.on('message', (data) => messages.push(data as Buffer)));
      const peer = request(port);
      const key = hex('37 fa 21 3d');
      peer.write(frame({ payload: 'one', key }));
      await sleep(2);
      peer.write(frame({ payload: 'two', key }));
      peer.write(frame({ opcode: 2, payload: pattern(300_000), key }));
      await until('all messages', () => messages.length === 3);
      expect([messages[0].toString(), messages[1].toString()]).toEqual(['one', 'two']);
      expect(messages[2].equals(pattern(300_000))).toBe(true);
    });

    test.each([
      ['ends', ({ socket }: RawPeer) => void socket.end()],
      ['resets', ({ socket }: RawPeer) => void socket.resetAndDestroy()],
    ])('server survives a client that %s while a hook is pending', async (_, leave) => {
      const [asked, admitted] = [verdict(), verdict()];
      const verifyClient = (): Promise<boolean> => (asked.resolve(true), admitted.promise);
      const { server, port } = await serve(kind, { verifyClient });
      const peer = request(port);
      await asked.promise;
      leave(peer);
      await sleep(20);
      admitted.resolve(true);
      expect(await statusOf(port)).toBe(101);
      await until('nobody but the second', () => server.clients.size === 1);
    });

    test('server answers 400 to more header fields than maxHeadersCount', async () => {
      const { server, port } = await serve(kind, {});
      (server as unknown as { _server: { maxHeadersCount: number } })._server.maxHeadersCount = 8;
      const ask = async (count: number): Promise<string> => {
        const peer = new RawPeer(connect(port, '127.0.0.1'));
        cleanup.add(() => peer.socket.destroy());
        const more = Array.from({ length: count }, (_, index) => `X-${index}: 1`);
        // Before the fields of the handshake, some of which Node.js then drops.
        peer.write(requestHead('/', []).replace('\r\n', `\r\n${more.map((line) => `${line}\r\n`).join('')}`));
        return (await peer.readHead()).split(' ')[1];
      };
      expect(await ask(3)).toBe('101');
      // node:http of Bun, and of Node.js 24 and later, answers 431 by itself (RFC 6585 section 5).
      const isHttp = kind === 'server' || !('Deno' in globalThis || 'Bun' in globalThis);
      expect(isHttp ? ['400', '431'] : ['400']).toContain(await ask(8));
    });

    test('server takes a request that a test helper made up', async () => {
      const server = new WebSocketServer({ noServer: true, verifyClient: ({ secure }) => !secure });
      const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
      const headers = { upgrade: 'websocket', connection: 'upgrade', 'sec-websocket-version': 13, 'sec-websocket-key': KEY };
      const made = { method: 'GET', httpVersion: '1.1', url: '/', headers } as unknown as IncomingMessage;
      const ws = await new Promise<Socket>((resolve) => server.handleUpgrade(made, socket, Buffer.alloc(0), resolve));
      expect(ws.readyState).toBe(WebSocket.OPEN);
      ws.terminate();
    });

    test('server that was closed while a hook was pending answers 503', async () => {
      const admitted = verdict();
      const { server, port } = await serve(kind, { verifyClient: () => admitted.promise });
      const peer = request(port);
      await sleep(20);
      const closed = new Promise((resolve) => server.close(resolve));
      admitted.resolve(true);
      expect(await peer.readHead()).toMatch(/^HTTP\/1\.1 503 /);
      peer.socket.destroy();
      await closed;
    });
  });
}
