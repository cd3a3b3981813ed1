// The memory of WebSockets that are closed, while their program keeps all that it was given besides: request, response, socket.
// With the classes of any ws-style entry point.

import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import v8 from 'node:v8';
import vm from 'node:vm';
import { afterEach, describe, expect, test } from 'vitest';
import type * as node from '../../adapters/node/index.ts';
import { Cleanup, connectRaw, listen, requestHead, sleep, until, type RawPeer } from './sockets.ts';

type Entry = Pick<typeof node, 'WebSocket' | 'WebSocketServer'>;
type Socket = InstanceType<Entry['WebSocket']>;

const COUNT = 20;

/** The collector of the runtime. */
function collector(): () => void {
  const { Bun: bun } = globalThis as { Bun?: { gc(isSynchronous: boolean): void } };
  if (bun !== undefined) return () => bun.gc(true);
  v8.setFlagsFromString('--expose-gc');
  return vm.runInNewContext('gc') as () => void;
}

/** How many of `references` are not collected. A stack or a register may keep one of them for a while. */
async function countAlive(references: readonly WeakRef<object>[]): Promise<number> {
  const collect = collector();
  let alive = references.length;
  for (let round = 0; round < 50 && alive > 0; round++) {
    await sleep(5);
    await nextTurn();
    collect();
    alive = references.filter((reference) => reference.deref() !== undefined).length;
  }
  return alive;
}

/** Waits for 'close', whatever happens before it. */
function closing(ws: Socket): Promise<void> {
  return new Promise((resolve) => void ws.on('close', () => resolve()));
}

/** How a connection ends, by an act of the server's socket or of its peer. */
const ENDS: readonly [string, (ws: Socket, peer: RawPeer) => void][] = [
  ['closes', (ws, peer) => (ws.close(), peer.write(Uint8Array.of(0x88, 0x80, 1, 2, 3, 4)))],
  ['is terminated', (ws) => ws.terminate()],
  [
    'is terminated with output waiting',
    (ws) => (ws.send(Buffer.alloc(8 << 20), () => {}), setTimeout(() => ws.terminate(), 5)),
  ],
  ['loses its peer', (_, peer) => void peer.socket.destroy()],
  ['is reset', (_, peer) => void peer.socket.resetAndDestroy()],
  ['fails by a violation', (_, peer) => (peer.write(Uint8Array.of(0xff, 0x80, 1, 2, 3, 4)), void peer.socket.end())],
];

/** Declares the tests. */
export function describeReleased(name: string, { WebSocket, WebSocketServer }: Entry): void {
  const cleanup = new Cleanup();
  afterEach(() => cleanup.run());

  describe(`closed WebSockets on ${name}`, () => {
    describe.each(['port', 'server'])('of a server with a %s', (kind) => {
      test.each(ENDS)('are not kept by their requests: one %s', async (_, end) => {
        const http = kind === 'server' ? createServer() : undefined;
        const options = { perMessageDeflate: { threshold: 0 } };
        const server = new WebSocketServer({ ...options, ...(http ? { server: http } : { port: 0, host: '127.0.0.1' }) });
        cleanup.add(() => (server.close(), http?.close()));
        if (http) await listen(http);
        else await once(server, 'listening');
        const { port } = server.address() as AddressInfo;
        const kept: IncomingMessage[] = [];
        const references: WeakRef<Socket>[] = [];
        for (let index = 0; index < COUNT; index++) {
          const connected = once(server, 'connection') as Promise<[Socket, IncomingMessage]>;
          const peer = await connectRaw(port, { allowHalfOpen: false });
          // In a function of its own, whose scope is gone when it returns.
          await (async () => {
            const [ws, request] = await connected;
            ws.on('error', () => {});
            kept.push(request);
            references.push(new WeakRef(ws));
            const closed = closing(ws);
            end(ws, peer);
            await closed;
          })();
          peer.socket.destroy();
        }
        // A register or an event of the runtime may still hold the last one.
        expect(await countAlive(references)).toBeLessThanOrEqual(1);
        expect(kept.length).toBe(COUNT);
      });
    });

    describe.each(['port', 'server'])('requests of a server with a %s', (kind) => {
      // The program holds these for ever.
      const held: unknown[] = [];
      const never = new Promise<never>(() => {});
      const hooks: readonly [string, NonNullable<ConstructorParameters<Entry['WebSocketServer']>[0]>][] = [
        ['a promise', { verifyClient: (): Promise<boolean> => never }],
        ['a callback', { verifyClient: (_: unknown, decide: unknown): void => void held.push(decide) }],
        ['a subprotocol', { handleProtocols: (): Promise<string> => never }],
        ['an origin', { allowedOrigins: (): Promise<boolean> => never }],
      ];
      test.each(hooks)('are let go when their client leaves, although a hook never answers: %s', async (_, options) => {
        const references: WeakRef<object>[] = [];
        class Watched extends WebSocketServer {
          override shouldHandle(request: IncomingMessage): boolean {
            references.push(new WeakRef(request), new WeakRef(request.socket));
            return true;
          }
        }
        const http = kind === 'server' ? createServer() : undefined;
        const server = new Watched({ ...options, ...(http ? { server: http } : { port: 0, host: '127.0.0.1' }) });
        cleanup.add(() => (server.close(), http?.close()));
        if (http) await listen(http);
        else await once(server, 'listening');
        const { port } = server.address() as AddressInfo;
        for (let index = 0; index < COUNT; index++) {
          const socket = connect(port, '127.0.0.1');
          await once(socket, 'connect');
          socket.write(requestHead('/', ['Sec-WebSocket-Protocol: one', 'Origin: https://example.com']));
          await until('the hook', () => references.length === 2 * (index + 1));
          await sleep(1);
          socket.resetAndDestroy();
        }
        expect(await countAlive(references)).toBeLessThanOrEqual(2);
      });
    });

    test.each(['close', 'terminate'] as const)('of a client are not kept by response and request: %s()', async (act) => {
      const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
      cleanup.add(() => server.close());
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const kept: unknown[] = [];
      const references: WeakRef<Socket>[] = [];
      for (let index = 0; index < COUNT; index++) {
        await (async () => {
          const finishRequest = (request: { end(): void }): void => {
            kept.push(request);
            request.end();
          };
          const ws = new WebSocket(`ws://127.0.0.1:${port}`, { finishRequest });
          ws.on('upgrade', (response) => kept.push(response, response.socket));
          references.push(new WeakRef(ws));
          await once(ws, 'open');
          ws[act]();
          await closing(ws);
        })();
      }
      expect(await countAlive(references)).toBeLessThanOrEqual(1);
      expect(kept.length).toBe(3 * COUNT);
    });

    test('of a client that never opened are not kept by its request', async () => {
      const kept: unknown[] = [];
      const references: WeakRef<Socket>[] = [];
      const http = createServer((_request, response) => response.writeHead(404).end());
      cleanup.add(() => http.close());
      const port = await listen(http);
      for (let index = 0; index < COUNT; index++) {
        await (async () => {
          const finishRequest = (request: { end(): void }): void => {
            kept.push(request);
            request.end();
          };
          const ws = new WebSocket(`ws://127.0.0.1:${port}`, { finishRequest });
          references.push(new WeakRef(ws));
          ws.on('error', () => {});
          await closing(ws);
        })();
      }
      expect(await countAlive(references)).toBeLessThanOrEqual(1);
      expect(kept.length).toBe(COUNT);
    });
  });
}
