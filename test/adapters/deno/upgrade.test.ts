// WebSockets inside of Deno.serve, met by our own client.

import { once } from 'node:events';
import { createConnection } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { upgrade, WebSocket } from '../../../adapters/deno/index.ts';
import { upgrade as upgradeW3C, WebSocket as W3CWebSocket } from '../../../adapters/deno/w3c.ts';
import { UsageError } from '../../../src/base/errors.ts';
import { describeNativePeers } from '../../support/native-peers.ts';
import { connectRaw, requestHead, sleep, until } from '../../support/sockets.ts';
import { describeThrowingListeners } from '../../support/throwing-listeners.ts';

interface HttpServer {
  readonly addr: { readonly port: number };
  shutdown(): Promise<void>;
}
interface Serve {
  serve(options: object, handler: (request: Request) => Response | Promise<Response>): HttpServer;
}
const { serve } = (globalThis as unknown as { Deno: Serve }).Deno;

let server: HttpServer;
/** What the server's sockets have heard, by path. */
const heard = new Map<string, unknown[]>();
const sockets = new Map<string, WebSocket>();

function handle(request: Request): Response {
  const { pathname } = new URL(request.url);
  const events: unknown[] = [];
  heard.set(pathname, events);
  if (pathname.startsWith('/w3c')) return handleW3C(request, events);
  const { response, socket } = upgrade(request, {
    handshakeTimeout: 5000,
    handleProtocols: (protocols) => (pathname === '/bad-protocol' ? 'other' : protocols.has('second') && 'second'),
  });
  if (socket === null) return response;
  sockets.set(pathname, socket);
  if (pathname === '/ready') {
    void socket.ready.then(() => socket.on('message', (data) => socket.send(`heard ${(data as Buffer).toString()}`)));
    return response;
  }
  events.push(socket.readyState);
  socket.on('open', () => events.push('open'));
  socket.on('message', (data, isBinary) => {
    events.push('message');
    socket.send(data, { binary: isBinary });
  });
  socket.on('error', () => events.push('error'));
  socket.on('close', (code, reason) => events.push('close', code, String(reason)));
  return response;
}

function handleW3C(request: Request, events: unknown[]): Response {
  const { response, socket } = upgradeW3C(request, { protocol: 'second' });
  if (socket === null) return response;
  events.push(socket instanceof W3CWebSocket, socket.readyState);
  socket.binaryType = 'arraybuffer';
  socket.addEventListener('open', () => events.push('open', socket.protocol));
  socket.addEventListener('message', ({ data }) => socket.send(data as string));
  socket.addEventListener('close', ({ code, reason, wasClean }) => events.push('close', code, reason, wasClean));
  return response;
}

beforeAll(() => {
  server = serve(
    { port: 0, hostname: '127.0.0.1', onListen() {}, onError: (error: Error) => new Response(error.message, { status: 500 }) },
    handle,
  );
});
afterAll(() => server.shutdown());

async function connect(path: string, protocols: string[] = []): Promise<WebSocket> {
  const client = new WebSocket(`ws://127.0.0.1:${server.addr.port}${path}`, protocols);
  await once(client, 'open');
  return client;
}

/** Sends `data` and gives what comes back. */
async function exchange(client: WebSocket, data: string | Uint8Array): Promise<[Buffer, boolean]> {
  client.send(data);
  return (await once(client, 'message')) as [Buffer, boolean];
}

/** The answer to a request whose fields are those of a good one but for `headers`. */
async function ask(headers: Record<string, string>): Promise<{ status: number; text: string; version: string | null }> {
  const response = await fetch(`http://127.0.0.1:${server.addr.port}/asked`, { headers });
  return { status: response.status, text: await response.text(), version: response.headers.get('sec-websocket-version') };
}

describe.each(['/ws', '/w3c'])('server inside of Deno.serve (%s)', (face) => {
  test('echoes text and binary of all sizes', async () => {
    const client = await connect(`${face}/echo`);
    for (const size of [0, 1, 125, 126, 65535, 65536, 1 << 20]) {
      const [text, isBinary] = await exchange(client, 'é'.repeat(size));
      expect([text.toString() === 'é'.repeat(size), isBinary]).toEqual([true, false]);
      const bytes = Buffer.alloc(size, 7);
      const [copy, isCopyBinary] = await exchange(client, bytes);
      expect([copy.equals(bytes), isCopyBinary]).toEqual([true, true]);
    }
    client.close();
    await once(client, 'close');
  });

  test('agrees on a subprotocol', async () => {
    const client = await connect(`${face}/protocol`, ['first', 'second']);
    expect(client.protocol).toBe('second');
    client.close();
    await once(client, 'close');
    await expect(connect(`${face}/protocol`, ['first'])).rejects.toThrow('Server sent no subprotocol');
  });
});

describe('server inside of Deno.serve', () => {
  test('gives up on a client that has left before its request is accepted', async () => {
    let accept: (() => void) | undefined;
    const waiting = new Promise<void>((resolve) => (accept = resolve));
    let isAsked = false;
    const handleLate = async (request: Request): Promise<Response> => {
      isAsked = true;
      await waiting;
      return handle(request);
    };
    // Ended by the signal: shutdown() would wait for that client.
    const controller = new AbortController();
    const late = serve({ port: 0, hostname: '127.0.0.1', onListen() {}, signal: controller.signal }, handleLate);
    const socket = createConnection(late.addr.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write(requestHead('/late'));
    await until('the request', () => isAsked);
    socket.destroy();
    await sleep(100);
    accept!();
    await until('the close', () => heard.get('/late')?.includes('close') === true);
    expect(heard.get('/late')).toEqual([0, 'error', 'close', 1006, '']);
    controller.abort();
  });

  test('hears open, message and close in order', async () => {
    const client = await connect('/order');
    await exchange(client, 'x');
    client.close(3000, 'bye');
    const [code, reason] = (await once(client, 'close')) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([3000, 'bye']);
    expect(heard.get('/order')).toEqual([0, 'open', 'message', 'close', 3000, 'bye']);
  });

  test('is a W3C WebSocket there', async () => {
    const client = await connect('/w3c/order', ['second']);
    client.close(1000, 'bye');
    await once(client, 'close');
    await sleep(20);
    expect(heard.get('/w3c/order')).toEqual([true, 0, 'open', 'second', 'close', 1000, 'bye', true]);
  });

  test('closes with a code of its own', async () => {
    const client = await connect('/close');
    sockets.get('/close')!.close(1011, 'sorry');
    const [code, reason] = (await once(client, 'close')) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([1011, 'sorry']);
  });

  test('calls back once a message was handed over, down to no bufferedAmount', async () => {
    const client = await connect('/callback');
    const socket = sockets.get('/callback')!;
    await new Promise<void>((resolve, reject) => {
      socket.send('x'.repeat(1 << 20), (error) => (error ? reject(error) : resolve()));
    });
    expect(socket.bufferedAmount).toBe(0);
    client.terminate();
  });

  test('has no Pings, and says what has', async () => {
    const client = await connect('/ping');
    expect(() => sockets.get('/ping')!.ping()).toThrow(UsageError);
    expect(() => sockets.get('/ping')!.pong()).toThrow(/WebSocketServer that listens by itself/);
    client.terminate();
  });

  test('has no sender of frames, as programs find out by its absence', async () => {
    const client = await connect('/frames');
    expect(sockets.get('/frames')).toMatchObject({ _sender: undefined, _receiver: undefined, _req: undefined });
    client.terminate();
  });

  test('hears 1006 when the client goes away', async () => {
    const client = await connect('/lost');
    const closed = new Promise((resolve) => sockets.get('/lost')!.on('close', resolve));
    client.terminate();
    expect(await closed).toBe(1006);
    expect(heard.get('/lost')).toEqual([0, 'open', 'close', 1006, '']);
  });

  test('refuses a subprotocol that was not offered', async () => {
    await expect(connect('/bad-protocol', ['first'])).rejects.toThrow(/500/);
  });

  test('refuses what asks for no WebSocket', async () => {
    expect(await ask({})).toMatchObject({ status: 400, text: 'Invalid Upgrade header\n' });
  });

  test('refuses a wrong key or version, and says why', () => {
    const good = {
      connection: 'Upgrade',
      host: 'localhost',
      upgrade: 'websocket',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'sec-websocket-version': '13',
    };
    const refusal = (headers: Record<string, string>, method = 'GET'): [number, string | null] => {
      const request = { method, headers: new Headers({ ...good, ...headers }) } as unknown as Request;
      const { response, socket } = upgrade(request);
      expect(socket).toBe(null);
      return [response.status, response.headers.get('sec-websocket-version')];
    };
    expect(refusal({ 'sec-websocket-key': 'short' })).toEqual([400, null]);
    expect(refusal({ 'sec-websocket-version': '12' })).toEqual([400, '13, 8']);
    expect(refusal({ 'sec-websocket-version': '8' })).toEqual([400, '13']);
    expect(refusal({ 'sec-websocket-protocol': 'a, a' })).toEqual([400, null]);
    expect(refusal({}, 'POST')).toEqual([405, null]);
  });
});

describe('ends', () => {
  const controller = new AbortController();
  afterAll(() => controller.abort());
  const start = (handler: (request: Request) => Response | Promise<Response>): number =>
    serve({ port: 0, hostname: '127.0.0.1', onListen() {}, signal: controller.signal }, handler).addr.port;
  const listening = (socket: WebSocket | null, seen: unknown[]): void => {
    for (const name of ['open', 'message', 'error']) socket?.on(name, () => seen.push(name));
    socket?.on('close', (code, reason) => seen.push('close', code, String(reason)));
  };

  describeNativePeers('Deno.serve (ws style)', (seen) =>
    start((request) => {
      const { response, socket } = upgrade(request, { idleTimeout: 1 });
      listening(socket, seen);
      return response;
    }),
  );

  describeNativePeers('Deno.serve (W3C style)', (seen) =>
    start((request) => {
      const { response, socket } = upgradeW3C(request, { idleTimeout: 1 });
      for (const name of ['open', 'message'] as const) socket?.addEventListener(name, () => seen.push(name));
      socket?.addEventListener('close', ({ code, reason }) => seen.push('close', code, reason));
      return response;
    }),
  );

  describeThrowingListeners('Deno.serve', (onSocket) =>
    start((request) => {
      const { response, socket } = upgrade(request, { maxPayload: 10 });
      if (socket !== null) onSocket(socket);
      return response;
    }),
  );

  /** A peer that never answers a Close frame, and the server's WebSocket. */
  const mute = async (closeTimeout?: number): Promise<{ peer: Awaited<ReturnType<typeof connectRaw>>; socket: WebSocket }> => {
    let accepted: WebSocket | undefined;
    const port = start((request) => {
      const { response, socket } = upgrade(request, { idleTimeout: 0, closeTimeout });
      socket?.on('open', () => (accepted = socket));
      return response;
    });
    const peer = await connectRaw(port);
    await until('the opening', () => accepted !== undefined);
    return { peer, socket: accepted! };
  };

  test.each(['ws style', 'W3C style'])('after all that came behind the request, in one packet (%s)', async (face) => {
    const seen: unknown[] = [];
    const port = start((request) => {
      if (face === 'ws style') {
        const { response, socket } = upgrade(request);
        for (const name of ['message', 'close']) socket?.on(name, (value) => seen.push(String(value)));
        return response;
      }
      const { response, socket } = upgradeW3C(request);
      socket?.addEventListener('message', ({ data }) => seen.push(data));
      socket?.addEventListener('close', ({ code }) => seen.push(String(code)));
      return response;
    });
    // Text "a" and "b", then a Close frame with 4000.
    const extra = Buffer.from('81810000000061 81810000000062 8882000000000fa0'.replaceAll(' ', ''), 'hex');
    const peer = await connectRaw(port, { extra });
    await until('the close', () => seen.includes('4000'));
    expect(seen).toEqual(['a', 'b', '4000']);
    peer.socket.destroy();
  });

  test('after an idleTimeout, be it longer than a timer can be', async () => {
    for (const idleTimeout of [4_294_967, 4_294_968, 1e12, Infinity]) {
      const seen: unknown[] = [];
      const port = start((request) => {
        const { response, socket } = upgrade(request, { idleTimeout });
        listening(socket, seen);
        return response;
      });
      // Deno sends a Ping when its timer fires, and drops a peer that does not answer until it fires again.
      const client = new WebSocket(`ws://127.0.0.1:${port}`, { autoPong: false });
      let pings = 0;
      client.on('ping', () => pings++);
      await once(client, 'open');
      await sleep(50);
      expect(pings, `${idleTimeout}`).toBe(0);
      client.close(4000);
      await until('the close', () => seen.includes('close'));
      expect(seen, `${idleTimeout}`).toEqual(['open', 'close', 4000, '']);
    }
  });

  test('by terminate() cut TCP, with no Close frame', async () => {
    const { peer, socket } = await mute();
    const closed = once(socket, 'close');
    socket.terminate();
    expect((await closed)[0]).toBe(1006);
    await until('the end of TCP', () => peer.hasEnded);
    expect(peer.bytes.length).toBe(0);
  });

  test('by terminate() cut TCP while the closing handshake is under way', async () => {
    const { peer, socket } = await mute();
    const closed = once(socket, 'close');
    socket.close(4000);
    await peer.readBytes(4);
    socket.terminate();
    expect((await closed)[0]).toBe(1006);
    await until('the end of TCP', () => peer.hasEnded);
  });

  test('by closeTimeout cut TCP', async () => {
    const { peer, socket } = await mute(50);
    const closed = once(socket, 'close');
    socket.close(4000);
    expect((await closed)[0]).toBe(1006);
    await until('the end of TCP', () => peer.hasEnded);
    expect([...peer.bytes]).toEqual([0x88, 2, 0x0f, 0xa0]);
  });

  test.each(['close', 'terminate'] as const)('by %s() before they are open, and the peer is dropped', async (method) => {
    const seen: unknown[] = [];
    const port = start((request) => {
      const { response, socket } = upgrade(request, { idleTimeout: 0 });
      listening(socket, seen);
      socket?.[method]();
      return response;
    });
    const peer = await connectRaw(port);
    await until('the end of TCP', () => peer.hasEnded || peer.hasClosed);
    expect(seen).toEqual(['error', 'close', 1006, '']);
  });

  test('by handshakeTimeout, and the peer is dropped when it is answered after all', async () => {
    const seen: unknown[] = [];
    const port = start(async (request) => {
      const { response, socket } = upgrade(request, { idleTimeout: 0, handshakeTimeout: 20 });
      listening(socket, seen);
      await until('the end', () => seen.includes('close'));
      return response;
    });
    const peer = await connectRaw(port);
    await until('the end of TCP', () => peer.hasEnded || peer.hasClosed);
    expect(seen).toEqual(['error', 'close', 1006, '']);
  });
});

test("hears behind `await ready` what came together with the client's request", async () => {
  // Frames masked with zeros: 'Hello'.
  const extra = Buffer.from('81850000000048656c6c6f', 'hex');
  const peers = await Promise.all(
    Array.from({ length: 10 }, () => connectRaw(server.addr.port, { path: '/ready', extra, allowHalfOpen: true })),
  );
  for (const peer of peers) {
    expect((await peer.readBytes(13)).toString('latin1')).toBe('\x81\x0bheard Hello');
    peer.socket.destroy();
  }
});
