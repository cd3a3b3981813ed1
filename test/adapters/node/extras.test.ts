// What the ws-style face has beyond ws, over real sockets: of Node's own adapter, and of the classes over raw sockets.

import { getEventListeners, once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import * as node from '../../../adapters/node/index.ts';
import { frame, hex } from '../../support/frames.ts';
import * as raw from '../../support/raw-classes.ts';
import { Cleanup, connectRaw, freePort, listen, sleep, until, within, type RawPeer } from '../../support/sockets.ts';

const MASK = hex('01 02 03 04');
const MIB = 1 << 20;
const cleanup = new Cleanup();
afterEach(() => cleanup.run());

type Library = Pick<typeof node, 'WebSocket' | 'WebSocketServer'>;

async function serve(library: Library, options: object = {}): Promise<{ server: node.WebSocketServer; port: number }> {
  const server = new library.WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
  cleanup.add(() => server.close());
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

/** A server's side whose client is a bare socket. */
async function acceptRaw(library: Library, options: object = {}): Promise<{ peer: RawPeer; ws: node.WebSocket }> {
  const { server, port } = await serve(library, options);
  const accepted = once(server, 'connection') as Promise<[node.WebSocket]>;
  const peer = await connectRaw(port);
  cleanup.add(() => peer.socket.destroy());
  const [ws] = await accepted;
  return { peer, ws };
}

/** Both ends are the library's. */
async function connect(library: Library, client: object = {}, server: object = {}): Promise<[node.WebSocket, node.WebSocket]> {
  const { server: listening, port } = await serve(library, server);
  const accepted = once(listening, 'connection') as Promise<[node.WebSocket]>;
  const ws = new library.WebSocket(`ws://127.0.0.1:${port}`, client);
  cleanup.add(() => ws.terminate());
  await ws.ready;
  return [ws, (await accepted)[0]];
}

/** Arguments of 'close'. */
function closing(ws: node.WebSocket): Promise<unknown[]> {
  const closed = new Promise<unknown[]>((resolve) => {
    ws.once('close', (code, reason) => resolve([code, reason.toString()]));
  });
  return within('close', closed);
}

/** A host that takes connections and says nothing. */
async function silentHost(): Promise<{ port: number; connections: () => number }> {
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.on('error', () => {}).resume();
    cleanup.add(() => socket.destroy());
  });
  cleanup.add(() => server.close());
  return { port: await listen(server), connections: () => connections };
}

describe.each([
  ['node', node],
  ['raw sockets', raw as unknown as Library],
])('%s: heartbeat', (_, library) => {
  test('server drops a client that stops answering, without an error event', async () => {
    const { peer, ws } = await acceptRaw(library, { heartbeat: { interval: 200, timeout: 200 } });
    const errors: unknown[] = [];
    ws.on('error', (error) => errors.push(error));
    expect(await closing(ws)).toEqual([1006, '']);
    expect(errors).toEqual([]);
    await until('the end of TCP', () => peer.socket.closed);
  });

  test('client drops a server that stops answering', async () => {
    const [client, server] = await connect(library, { heartbeat: { interval: 200, timeout: 200 } }, { autoPong: false });
    const pings = once(server, 'ping');
    expect(await closing(client)).toEqual([1006, '']);
    await within('a Ping', pings);
  });

  test('both sides keep an idle connection, and hear Pongs', async () => {
    const heartbeat = { interval: 20, timeout: 5000 };
    const [client, server] = await connect(library, { heartbeat }, { heartbeat });
    let pongs = 0;
    client.on('pong', () => pongs++);
    server.on('pong', () => pongs++);
    await until('Pongs', () => pongs >= 3);
    expect([client.readyState, server.readyState]).toEqual([client.OPEN, server.OPEN]);
  });

  test('server does not judge while it is paused', async () => {
    const { ws } = await acceptRaw(library, { heartbeat: { interval: 500, timeout: 500 } });
    ws.pause();
    await sleep(1500);
    expect(ws.readyState).toBe(ws.OPEN);
    ws.resume();
    expect(await closing(ws)).toEqual([1006, '']);
  });

  test('server does not take its own delay for a dead peer', async () => {
    const { peer, ws } = await acceptRaw(library, { heartbeat: { interval: 500, timeout: 500 } });
    await new Promise<void>((resolve) => {
      peer.socket.once('data', () => {
        peer.write(frame({ opcode: 10, key: MASK }));
        // The Pong is on its way, the verdict is due, and this program blocks.
        const end = Date.now() + 800;
        while (Date.now() < end);
        resolve();
      });
    });
    const [pong] = (await within('the Pong', once(ws, 'pong'))) as [Buffer];
    expect([pong.length, ws.readyState]).toEqual([0, ws.OPEN]);
  });

  test.each([
    ['server', (options: object) => new library.WebSocketServer({ noServer: true, ...options })],
    ['client', (options: object) => new library.WebSocket('ws://127.0.0.1:1', options)],
  ])('%s refuses times that are none', (__, create) =>
    expect(() => create({ heartbeat: { interval: 0 } })).toThrow(RangeError),
  );
});

describe.each([
  ['node', node],
  ['raw sockets', raw as unknown as Library],
])('%s: iteration', (_, library) => {
  test('a slow loop stops the peer by TCP and loses nothing', async () => {
    const { peer, ws } = await acceptRaw(library);
    const count = 512;
    const iterator = ws[Symbol.asyncIterator]();
    for (let index = 0; index < count; index++) {
      const payload = new Uint8Array(65_536);
      payload.set([index >> 8, index & 255]);
      peer.write(frame({ opcode: 2, payload, key: MASK }));
    }
    peer.write(frame({ opcode: 8, payload: hex('03 e8'), key: MASK }));
    let last = -1;
    while (peer.socket.writableLength !== last) {
      last = peer.socket.writableLength;
      await sleep(100);
    }
    // 32 MiB: far more than the buffers of both kernels hold.
    expect(last).toBeGreaterThan(8 * MIB);
    expect(ws.isPaused).toBe(true);
    let next = 0;
    for await (const message of iterator) {
      const bytes = message as Buffer;
      expect([bytes.length, bytes.readUInt16BE(0)]).toEqual([65_536, next++]);
    }
    expect(next).toBe(count);
    expect(ws.listenerCount('message')).toBe(0);
  });

  test('a loop yields, breaks, and goes on in another one', async () => {
    const [client, server] = await connect(library);
    const received: unknown[] = [];
    for (const text of ['a', 'b', 'c']) client.send(text);
    client.send(Buffer.of(1));
    for await (const message of server) {
      received.push(message);
      break;
    }
    client.close();
    for await (const message of server) received.push(message);
    expect(received).toEqual(['a', 'b', 'c', Buffer.of(1)]);
  });

  test('a loop of a server ends at what the peer did wrong, after what it did right', async () => {
    const { peer, ws } = await acceptRaw(library);
    const error = once(ws, 'error');
    peer.write(frame({ payload: 'fine', key: MASK }));
    peer.write(frame({ opcode: 3, key: MASK }));
    const received: unknown[] = [];
    const loop = async (): Promise<void> => {
      for await (const message of ws) received.push(message);
    };
    await within('the end of the loop', loop());
    expect(received).toEqual(['fine']);
    expect(await error).toMatchObject([{ code: 'WS_ERR_INVALID_OPCODE' }]);
  });
});

describe.each([
  ['node', node],
  ['raw sockets', raw as unknown as Library],
])('%s: promises', (_, library) => {
  test('sendAsync resolves, and rejects once the connection is gone', async () => {
    const [client, server] = await connect(library);
    const message = once(server, 'message');
    await client.sendAsync('hello');
    expect(String((await within('the message', message))[0])).toBe('hello');
    client.terminate();
    await expect(client.sendAsync('late')).rejects.toThrow('WebSocket is not open');
  });

  test('sendAsync rejects when the peer goes before it took the message', async () => {
    const { peer, ws } = await acceptRaw(library);
    ws.on('error', () => {});
    peer.socket.pause();
    const sent = ws.sendAsync(Buffer.alloc(64 * MIB));
    setTimeout(() => peer.socket.destroy(), 50);
    await expect(within('the end', sent)).rejects.toThrow();
  });

  test('ready rejects when nobody listens', async () => {
    await expect(new library.WebSocket(`ws://127.0.0.1:${await freePort()}`).ready).rejects.toThrow(/ECONNREFUSED/);
  });
});

describe.each([
  ['node', node],
  ['raw sockets', raw as unknown as Library],
])('%s: signal', (_, library) => {
  const aborted = async (ws: node.WebSocket): Promise<unknown[]> => {
    const log: unknown[] = [];
    ws.on('error', (error) => log.push([error.name, (error as { code?: string }).code]));
    log.push(await closing(ws));
    return log;
  };
  const EXPECTED = [
    ['AbortError', 'ABORT_ERR'],
    [1006, ''],
  ];

  test('aborts before anything is sent', async () => {
    const { port } = await silentHost();
    const controller = new AbortController();
    const ws = new library.WebSocket(`ws://127.0.0.1:${port}`, { signal: controller.signal });
    controller.abort();
    expect(await aborted(ws)).toEqual(EXPECTED);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  test('aborts while the server keeps its answer to itself', async () => {
    const { port, connections } = await silentHost();
    const ws = new library.WebSocket(`ws://127.0.0.1:${port}`, { signal: AbortSignal.timeout(100) });
    expect(await aborted(ws)).toEqual(EXPECTED);
    expect(connections()).toBe(1);
  });

  test('aborts behind a redirect', async () => {
    const { port, connections } = await silentHost();
    const redirecting = createServer((socket) => {
      socket.on('error', () => {});
      socket.end(`HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:${port}\r\nContent-Length: 0\r\n\r\n`);
    });
    cleanup.add(() => redirecting.close());
    const controller = new AbortController();
    const ws = new library.WebSocket(`ws://127.0.0.1:${await listen(redirecting)}`, {
      followRedirects: true,
      signal: controller.signal,
    });
    const end = aborted(ws);
    await until('the redirect', () => connections() === 1);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    controller.abort();
    expect(await end).toEqual(EXPECTED);
  });

  test('aborts in a listener of the 101 response', async () => {
    const { port } = await serve(library);
    const controller = new AbortController();
    const ws = new library.WebSocket(`ws://127.0.0.1:${port}`, { signal: controller.signal });
    ws.on('upgrade', () => controller.abort());
    ws.on('open', () => expect.unreachable());
    expect(await aborted(ws)).toEqual(EXPECTED);
  });

  test('does nothing once open', async () => {
    const controller = new AbortController();
    const [client, server] = await connect(library, { signal: controller.signal });
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    controller.abort();
    const message = once(server, 'message');
    client.send('alive');
    expect(String((await within('the message', message))[0])).toBe('alive');
  });
});

describe.each([
  ['node', node],
  ['raw sockets', raw as unknown as Library],
])('%s: allowedOrigins', (_, library) => {
  const attempt = async (port: number, origin?: string): Promise<string> => {
    const ws = new library.WebSocket(`ws://127.0.0.1:${port}`, { origin });
    cleanup.add(() => ws.terminate());
    return ws.ready.then(
      () => 'open',
      (error: Error) => error.message,
    );
  };
  const REFUSED = 'Unexpected server response: 403';

  test('server lets the pages in that it names, and clients that are no pages', async () => {
    let asked = 0;
    const { port } = await serve(library, { allowedOrigins: ['https://example.com'], verifyClient: () => ++asked > 0 });
    expect(await attempt(port, 'https://EXAMPLE.com')).toBe('open');
    expect(await attempt(port)).toBe('open');
    expect(asked).toBe(2);
    expect(await attempt(port, 'https://evil.example')).toBe(REFUSED);
    expect(asked).toBe(2);
  });

  test('server says why it refuses', async () => {
    const { port } = await serve(library, { allowedOrigins: [] });
    const ws = new library.WebSocket(`ws://127.0.0.1:${port}`, { origin: 'https://evil.example' });
    ws.on('error', () => {});
    const [, response] = (await within('the response', once(ws, 'unexpected-response'))) as [
      unknown,
      AsyncIterable<Buffer> & { statusCode: number },
    ];
    let body = '';
    for await (const chunk of response) body += String(chunk);
    ws.terminate();
    expect([response.statusCode, body]).toEqual([403, 'Origin not allowed']);
  });

  test('server asks a function', async () => {
    const { port } = await serve(library, { allowedOrigins: (origin: string) => origin.endsWith('.example.com') });
    expect(await attempt(port, 'https://a.example.com')).toBe('open');
    expect(await attempt(port, 'https://a.example')).toBe(REFUSED);
  });
});
