// upgrade() of the W3C entry point on Node.js.

import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { WebSocket } from '../../../adapters/node/index.ts';
import { upgrade, WebSocket as W3CWebSocket, type UpgradeOptions } from '../../../adapters/node/w3c.ts';
import { certificate, key } from '../../support/certificates.ts';
import { describeEarlyFrames } from '../../support/early-frames.ts';
import { describeHostileRequests } from '../../support/hostile-requests.ts';
import { Cleanup, connectRaw, sleep, until } from '../../support/sockets.ts';
import { describeUpgradeOptions } from '../../support/upgrade-options.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

type OnUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** A server that all tests use. */
async function startForAll(onUpgrade: OnUpgrade): Promise<number> {
  const server = createServer().on('upgrade', onUpgrade).listen(0, '127.0.0.1');
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function start(onUpgrade: OnUpgrade, server: ReturnType<typeof createServer> = createServer()): Promise<number> {
  server.on('upgrade', onUpgrade);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.add(() => server.close());
  cleanup.add(() => server.closeAllConnections());
  return (server.address() as AddressInfo).port;
}

function echo(options: UpgradeOptions = {}): OnUpgrade {
  return (request, socket, head) => {
    const { socket: ws } = upgrade(request, socket, head, options);
    ws?.addEventListener('message', ({ data }) => ws.send(data as string));
  };
}

describeUpgradeOptions('Node.js, W3C style', {
  WebSocket,
  warnsOfHooks: true,
  refused: { idleTimeout: [5, /heartbeat/] },
  serve: (options, thrown) =>
    start((request, socket, head) => {
      try {
        echo(options)(request, socket, head);
      } catch (error) {
        thrown.push(error);
      }
    }),
});

describeEarlyFrames('Node.js', (onSocket) =>
  startForAll((request, socket, head) => {
    const { socket: ws } = upgrade(request, socket, head);
    if (ws !== null) onSocket(ws);
  }),
);

describeHostileRequests('upgrade() of the W3C entry point', async () => ({ host: '127.0.0.1', port: await start(echo()) }));

test('gives out a W3C WebSocket, with all that came behind the request', async () => {
  const heard: unknown[] = [];
  const port = await start((request, socket, head) => {
    const { response, socket: ws } = upgrade(request, socket, head, { protocol: 'chat' });
    expect(response).toBe(undefined);
    if (ws === null) return;
    heard.push(ws instanceof W3CWebSocket, ws.readyState, ws.url);
    ws.addEventListener('open', () => heard.push('open', ws.protocol, ws.extensions));
    ws.addEventListener('message', ({ data }) => heard.push(data));
    ws.addEventListener('close', ({ code, wasClean }) => heard.push('close', code, wasClean));
  });
  // Text "a", then a Close frame with 4000.
  const extra = Buffer.from('81810000000061 8882000000000fa0'.replaceAll(' ', ''), 'hex');
  const peer = await connectRaw(port, { path: '/path?query', fields: ['Sec-WebSocket-Protocol: chat'], extra });
  await until('the close', () => heard.includes('close'));
  expect(heard).toEqual([true, 0, 'ws://localhost/path?query', 'open', 'chat', '', 'a', 'close', 4000, true]);
  expect([...(await peer.readBytes(4))]).toEqual([0x88, 2, 0x0f, 0xa0]);
});

describe('an accepted W3C WebSocket', () => {
  test('compresses where both want it, and speaks over TLS', async () => {
    const port = await start(echo({ perMessageDeflate: true }), createSecureServer({ cert: certificate, key }));
    const client = new WebSocket(`wss://localhost:${port}/`, { ca: certificate });
    await once(client, 'open');
    expect(client.extensions).toBe('permessage-deflate');
    client.send('x'.repeat(5000));
    expect(String((await once(client, 'message'))[0])).toBe('x'.repeat(5000));
    client.close();
    await once(client, 'close');
  });

  test('is dropped by its heartbeat', async () => {
    const heard: unknown[] = [];
    const port = await start((request, socket, head) => {
      const { socket: ws } = upgrade(request, socket, head, { heartbeat: { interval: 20, timeout: 20 } });
      ws?.addEventListener('close', ({ code }) => heard.push(code));
    });
    const peer = await connectRaw(port);
    await until('the close', () => heard.length > 0);
    expect(heard).toEqual([1006]);
    await until('the end of TCP', () => peer.hasClosed);
  });

  /** Sends `pieces` to a WebSocket that was accepted with `options`. @returns Its messages, and the code of its Close frame. */
  async function hear(options: UpgradeOptions, pieces: readonly string[]): Promise<unknown[]> {
    const messages: unknown[] = [];
    let hasClosed = false;
    const port = await start((request, socket, head) => {
      const { socket: ws } = upgrade(request, socket, head, options);
      ws?.addEventListener('message', ({ data }) => messages.push(data));
      ws?.addEventListener('close', () => (hasClosed = true));
    });
    const peer = await connectRaw(port);
    for (const piece of pieces) {
      peer.write(Buffer.from(piece.replaceAll(' ', ''), 'hex'));
      await sleep(5);
    }
    const bytes = await peer.readBytes(4);
    await until('the close', () => hasClosed);
    expect(bytes[0]).toBe(0x88);
    return [...messages, bytes.readUInt16BE(2)];
  }

  // Masked with zeros: text in three fragments, text that is no UTF-8, a Close frame with 4000.
  const FRAGMENTS = ['018100000000 61', '008100000000 62', '808100000000 63'];
  const INVALID = '818100000000 ff';
  const CLOSE = '888200000000 0fa0';

  test.each<[string, UpgradeOptions, readonly string[], unknown[]]>([
    ['takes fragments', {}, FRAGMENTS, ['abc', 4000]],
    ['keeps to maxFragments', { maxFragments: 2 }, FRAGMENTS, [1008]],
    ['keeps to maxBufferedChunks', { maxBufferedChunks: 1 }, ['818300000000 61', '62', '63'], [1008]],
    ['checks text', {}, [INVALID], [1007]],
    ['skips the check of text', { skipUTF8Validation: true }, [INVALID], ['\ufffd', 4000]],
  ])('%s', async (_, options, pieces, expected) => {
    expect(await hear(options, [...pieces, CLOSE])).toEqual(expected);
  });

  test.each([true, false])('answers Pings, or leaves that to nobody: autoPong %s', async (autoPong) => {
    const port = await start(echo({ autoPong }));
    // A Ping, then text "a".
    const peer = await connectRaw(port, { extra: Buffer.from('8981000000007081810000000061', 'hex') });
    const pong = '8a0170';
    const text = '810161';
    const expected = autoPong ? pong + text : text;
    expect((await peer.readBytes(expected.length / 2)).toString('hex')).toBe(expected);
    peer.socket.destroy();
  });

  test('gives up a closing handshake after closeTimeout', async () => {
    const heard: unknown[] = [];
    const port = await start((request, socket, head) => {
      const { socket: ws } = upgrade(request, socket, head, { closeTimeout: 30 });
      ws?.addEventListener('open', () => ws.close(1000));
      ws?.addEventListener('close', ({ code }) => heard.push(code));
    });
    const peer = await connectRaw(port);
    await until('the close', () => heard.length > 0);
    expect(heard).toEqual([1006]);
    await until('the end of TCP', () => peer.hasClosed || peer.hasEnded);
    peer.socket.destroy();
  });

  test.each<[string, UpgradeOptions, unknown[]]>([
    ['drops the connection', {}, [undefined, 1006]],
    ['throws', { bufferPolicy: 'throw' }, ['RangeError']],
  ])('beyond maxBufferedAmount: %s', async (_, options, expected) => {
    const heard: unknown[] = [];
    let isAccepted = false;
    const port = await start((request, socket, head) => {
      const { socket: ws } = upgrade(request, socket, head, { ...options, maxBufferedAmount: 1000 });
      ws?.addEventListener('close', ({ code }) => heard.push(code));
      ws?.addEventListener('open', () => {
        isAccepted = true;
        try {
          // More than the buffers of TCP, for a peer that does not read.
          for (let count = 0; count < 200 && ws.readyState === ws.OPEN; count++) ws.send(new Uint8Array(1 << 20));
          heard.push(undefined);
        } catch (error) {
          heard.push((error as Error).name);
          ws.close();
        }
      });
    });
    const peer = await connectRaw(port);
    peer.socket.pause();
    await until('the end of sending', () => isAccepted && heard.length >= expected.length);
    expect(heard.slice(0, expected.length)).toEqual(expected);
    peer.socket.destroy();
  });

  test('is not made twice of one socket', async () => {
    const thrown: unknown[] = [];
    const port = await start((request, socket, head) => {
      echo()(request, socket, head);
      try {
        upgrade(request, socket, head);
      } catch (error) {
        thrown.push(error);
      }
    });
    const client = new WebSocket(`ws://127.0.0.1:${port}/`);
    await once(client, 'open');
    expect(thrown).toMatchObject([{ message: 'The socket of this request already belongs to a WebSocket' }]);
    client.send('still here');
    expect(String((await once(client, 'message'))[0])).toBe('still here');
    client.terminate();
  });
});
