// A server that its program wraps or inherits from: everything works there as with the server itself.
// With the classes of any ws-style entry point.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type * as node from '../../adapters/node/index.ts';
import { Cleanup, listen } from './sockets.ts';

type Entry = Pick<typeof node, 'WebSocket' | 'WebSocketServer'>;
type Server = InstanceType<Entry['WebSocketServer']>;

/** Wraps in depth, as Vue's reactive() does: all values that are plain objects or collections by Object.prototype.toString. */
function reactive<Target extends object>(target: Target): Target {
  const bound = (value: unknown): value is object =>
    typeof value === 'object' &&
    value !== null &&
    ['[object Object]', '[object Array]'].includes(Object.prototype.toString.call(value));
  return new Proxy(target, {
    get(object, name, receiver) {
      const value: unknown = Reflect.get(object, name, receiver);
      return bound(value) ? reactive(value) : value;
    },
  });
}

const WRAPPINGS: readonly [string, (server: Server) => Server][] = [
  ['new Proxy()', (server) => new Proxy(server, {})],
  ['a Proxy of a Proxy', (server) => new Proxy(new Proxy(server, {}), {})],
  ['reactive()', reactive],
  ['Object.create()', (server) => Object.create(server) as Server],
];

/** Declares the tests. */
export function describeWrappedServer(name: string, { WebSocket, WebSocketServer }: Entry): void {
  const cleanup = new Cleanup();
  afterEach(() => cleanup.run());

  describe(`a wrapped server on ${name}`, () => {
    test.each(WRAPPINGS)('works through %s', async (_, wrap) => {
      const inner = new WebSocketServer({ port: 0, host: '127.0.0.1' });
      cleanup.add(() => inner.close());
      const server = wrap(inner);
      const connected = new Promise<InstanceType<Entry['WebSocket']>>((resolve) => void server.on('connection', resolve));
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const client = new WebSocket(`ws://127.0.0.1:${port}`);
      const [ws] = await Promise.all([connected, once(client, 'open')]);
      expect(server.clients.size).toBe(1);
      ws.close();
      await once(client, 'close');
      await new Promise((resolve) => server.close(resolve));
      expect(server.address()).toBe(null);
      expect(await new Promise((resolve) => server.close(resolve))).toEqual(new Error('The server is not running'));
    });

    test.each(WRAPPINGS)('takes upgrades through %s', async (_, wrap) => {
      const server = wrap(new WebSocketServer({ noServer: true }));
      const http = createServer();
      cleanup.add(() => http.close());
      const port = await listen(http);
      const connected = new Promise<InstanceType<Entry['WebSocket']>>((resolve) => {
        http.on('upgrade', (request, socket, head) => server.handleUpgrade(request, socket, head, resolve));
      });
      const client = new WebSocket(`ws://127.0.0.1:${port}`);
      const [ws] = await Promise.all([connected, once(client, 'open')]);
      expect(server.clients.has(ws)).toBe(true);
      const closed = new Promise((resolve) => server.close(resolve));
      client.close();
      await closed;
      expect(server.clients.size).toBe(0);
    });

    test('a stub that never saw the constructor takes upgrades', async () => {
      const stub = Object.create(WebSocketServer.prototype) as Server;
      Object.assign(stub, { options: { WebSocket }, clients: new Set() });
      const http = createServer();
      cleanup.add(() => http.close());
      const port = await listen(http);
      http.on('upgrade', (request, socket, head) => stub.handleUpgrade(request, socket, head, (ws) => ws.send('hello')));
      const client = new WebSocket(`ws://127.0.0.1:${port}`);
      const [data] = (await once(client, 'message')) as [Buffer];
      expect([data.toString(), stub.clients.size, stub.address()]).toEqual(['hello', 1, null]);
      client.close();
      await once(client, 'close');
    });

    test('keeps what a program puts on it, under any name', async () => {
      class Mine extends WebSocketServer {
        state = 'mine';
        platform = 'mine';
        core = 'mine';
        _state = 'mine';
        _removeListeners = 'mine';
      }
      const server = new Mine({ port: 0, host: '127.0.0.1' });
      (server as unknown as { _server: unknown })._server = 'mine';
      await once(server, 'listening');
      expect({ ...server }).toMatchObject({ state: 'mine', platform: 'mine', core: 'mine', _state: 'mine', _server: 'mine' });
      expect((server.address() as AddressInfo).port).toBeGreaterThan(0);
      await new Promise((resolve) => server.close(resolve));
    });

    test('shows the HTTP server that it listens with as `_server`', async () => {
      const own = new WebSocketServer({ port: 0, host: '127.0.0.1' }) as Server & { _server: { address(): unknown } | null };
      await once(own, 'listening');
      expect(own._server!.address()).toEqual(own.address());
      expect(Object.keys(own)).not.toContain('_server');
      await new Promise((resolve) => own.close(resolve));
      expect(own._server).toBe(null);
      const http = createServer();
      expect((new WebSocketServer({ server: http }) as typeof own)._server).toBe(http);
    });

    test('calls `completeUpgrade`, which a program may wrap', async () => {
      type Complete = (...values: unknown[]) => void;
      const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true }) as Server & {
        completeUpgrade: Complete;
      };
      cleanup.add(() => server.close());
      const calls: unknown[][] = [];
      const { completeUpgrade } = server;
      server.completeUpgrade = function (this: unknown, ...values) {
        calls.push(values);
        completeUpgrade.apply(this, values);
      };
      await once(server, 'listening');
      const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, ['a', 'b']);
      await once(client, 'open');
      const [[extensions, key, protocols, request]] = calls as [
        [object, string, Set<string>, { headers: Record<string, string> }],
      ];
      expect(Object.keys(extensions)).toEqual(['permessage-deflate']);
      expect(key).toBe(request.headers['sec-websocket-key']);
      expect([...protocols]).toEqual(['a', 'b']);
      expect(client.extensions).toBe('permessage-deflate');
      client.close();
      await once(client, 'close');
    });
  });
}
