// A program that pauses as soon as the connection is there, while its peer has sent all it had, and gone: nothing that was read before
// its end may be lost. With the classes of any ws-style entry point.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type * as node from '../../adapters/node/index.ts';
import { concat, frame, hex } from './frames.ts';
import { Cleanup, connectRaw, listen, serveRaw, sleep, until, type RawPeer } from './sockets.ts';

type Entry = Pick<typeof node, 'WebSocket' | 'WebSocketServer'>;
type Socket = InstanceType<Entry['WebSocket']>;

const KEY = hex('01 02 03 04');
/** How the peer goes, and with which code the connection ends. */
const ENDS: readonly [string, (peer: RawPeer) => void, object, number][] = [
  ['ends', ({ socket }) => socket.end(), {}, 1006],
  ['closes and ends', ({ socket }) => socket.end(), { closes: true }, 1000],
  ['resets', ({ socket }) => socket.resetAndDestroy(), {}, 1006],
];

/** Declares the tests. */
export function describePausedOpening(name: string, { WebSocket, WebSocketServer }: Entry): void {
  const cleanup = new Cleanup();
  afterEach(() => cleanup.run());

  /** The bytes that the peer sends in one piece with its handshake. */
  const early = (key: Uint8Array | undefined, { closes = false }: { closes?: boolean }): Uint8Array => {
    const masked = key && { key };
    const message = frame({ payload: 'early', ...masked });
    return closes ? concat(message, frame({ opcode: 8, payload: hex('03 e8'), ...masked })) : message;
  };
  const record = (ws: Socket): string[] => {
    const log: string[] = [];
    ws.pause();
    ws.on('error', () => {});
    ws.on('message', (data) => log.push((data as Buffer).toString()));
    ws.on('close', (code) => log.push(`close ${code}`));
    return log;
  };
  const expectAll = async (ws: Socket, log: string[], code: number): Promise<void> => {
    // Time to notice that the peer has gone.
    await sleep(100);
    ws.resume();
    await until('the end', () => log.length > 1 || log[0]?.startsWith('close'));
    expect(log).toEqual(['early', `close ${code}`]);
  };

  describe(`a paused opening on ${name}`, () => {
    test.each(ENDS)('client gets what came with the answer of a server that %s', async (_, end, options, code) => {
      const { url, accept } = await serveRaw(cleanup, { extra: early(undefined, options), allowHalfOpen: true });
      const ws = new WebSocket(url);
      let log: string[] = [];
      ws.on('open', () => (log = record(ws)));
      const peer = await accept();
      await until('open', () => ws.readyState !== WebSocket.CONNECTING);
      end(peer);
      await expectAll(ws, log, code);
    });

    describe.each(['port', 'server'])('server with a %s', (kind) => {
      test.each(ENDS)('gets what came with the request of a client that %s', async (_, end, options, code) => {
        const http = kind === 'server' ? createServer() : undefined;
        const server = new WebSocketServer(http ? { server: http } : { port: 0, host: '127.0.0.1' });
        cleanup.add(() => (server.close(), http?.close()));
        if (http) await listen(http);
        else await once(server, 'listening');
        let log: string[] = [];
        const connected = new Promise<Socket>((resolve) => {
          server.on('connection', (ws) => ((log = record(ws)), resolve(ws)));
        });
        const { port } = server.address() as AddressInfo;
        end(await connectRaw(port, { extra: early(KEY, options), allowHalfOpen: true }));
        await expectAll(await connected, log, code);
      });
    });
  });
}
