// Our WebSocket inside of Bun.serve.

import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { upgrade, WebSocket, websocket, type BunServer, type UpgradeOptions } from '../../../adapters/bun/index.ts';
import { Endpoint, type ClientSocket } from '../../contract/endpoint.ts';
import { pattern } from '../../support/frames.ts';
import { describeNativePeers } from '../../support/native-peers.ts';
import { connectRaw, sleep, until } from '../../support/sockets.ts';
import { describeThrowingListeners } from '../../support/throwing-listeners.ts';

interface ServeOptions {
  port: number;
  hostname: string;
  fetch(request: Request, server: BunServer): Response | undefined;
  websocket: object;
}
interface Serving {
  readonly port: number;
  stop(closesConnections: boolean): void;
}
const { Bun } = globalThis as unknown as { Bun: { serve(options: ServeOptions): Serving } };

const cleanup: (() => void)[] = [];
afterEach(() => {
  for (const task of cleanup.splice(0).toReversed()) task();
});

function serve(
  onSocket: (socket: WebSocket, request: Request) => void,
  options?: UpgradeOptions,
  settings: object = websocket,
): number {
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch(request, self) {
      const { response, socket } = upgrade(request, self, options);
      if (socket) onSocket(socket, request);
      return response;
    },
    websocket: settings,
  });
  cleanup.push(() => server.stop(true));
  return server.port;
}

function echo(socket: WebSocket): void {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
}

function dial(port: number, protocols: string[] = []): Endpoint<ClientSocket & WebSocket> {
  const ws = new WebSocket(`ws://127.0.0.1:${port}/`, protocols);
  cleanup.push(() => ws.terminate());
  return new Endpoint(ws as unknown as ClientSocket & WebSocket);
}

/** Connects, and waits for the server's WebSocket to be open. */
async function pair(
  options?: UpgradeOptions,
  settings?: object,
): Promise<{ client: Endpoint<ClientSocket & WebSocket>; peer: WebSocket }> {
  let accept: (socket: WebSocket) => void;
  const accepted = new Promise<WebSocket>((resolve) => (accept = resolve));
  const port = serve((socket) => socket.on('open', () => accept(socket)), options, settings);
  const client = dial(port);
  const [peer] = await Promise.all([accepted, client.opened]);
  return { client, peer };
}

test('opens after the handler has returned, and before any message', async () => {
  const events: string[] = [];
  const port = serve((socket) => {
    events.push(`state ${socket.readyState}`);
    for (const name of ['open', 'message', 'close']) socket.on(name, () => events.push(name));
  });
  const client = dial(port);
  await client.opened;
  client.socket.send('one');
  client.socket.close(1000);
  await client.closed;
  await sleep(20);
  expect(events).toEqual(['state 0', 'open', 'message', 'close']);
});

test.each([0, 1, 125, 126, 65535, 65536, 3_000_000])('echoes %i bytes of text and binary', async (size) => {
  const client = dial(serve(echo));
  await client.opened;
  expect(await client.exchange('x'.repeat(size))).toBe('x'.repeat(size));
  const answer = (await client.exchange(pattern(size))) as Uint8Array;
  expect(Buffer.compare(answer, pattern(size))).toBe(0);
});

test('sends text of every width, and bytes as text', async () => {
  const { client, peer } = await pair();
  for (const text of ['äöü', '日本語', '👋\u0000']) {
    peer.send(text);
    peer.send(Buffer.from(text), { binary: false });
    expect([await client.next(), await client.next()]).toEqual([text, text]);
  }
  peer.send('a\ud800b');
  expect(await client.next()).toBe('a\ufffdb');
});

test('joins fragments that it sends', async () => {
  const { client, peer } = await pair();
  let calls = 0;
  peer.send('häl', { fin: false }, () => calls++);
  peer.send('lo', { fin: true }, () => calls++);
  peer.send(Uint8Array.of(1), { binary: true, fin: false });
  expect(peer.bufferedAmount).toBe(1);
  peer.send(Uint8Array.of(2), { binary: true });
  expect(await client.next()).toBe('hällo');
  expect(await client.next()).toEqual(Uint8Array.of(1, 2));
  expect(calls).toBe(2);
});

test('has no sender of frames, as programs find out by its absence', async () => {
  const { peer } = await pair();
  expect(peer).toMatchObject({ _sender: undefined, _receiver: undefined, _req: undefined });
});

test('sends and hears Pings and Pongs', async () => {
  const { client, peer } = await pair();
  const pong = once(peer, 'pong');
  peer.ping(Buffer.from('there'));
  expect(String((await pong)[0])).toBe('there');
  const ping = once(peer, 'ping');
  const answer = once(client.socket, 'pong');
  client.socket.ping(Buffer.from('here'));
  expect(String((await ping)[0])).toBe('here');
  expect(String((await answer)[0])).toBe('here');
  const unasked = once(client.socket, 'pong');
  peer.pong('unasked');
  expect(String((await unasked)[0])).toBe('unasked');
});

describeThrowingListeners('Bun.serve', (onSocket) => serve(onSocket, { maxPayload: 10 }));
describeThrowingListeners('Bun.serve with its own limit', (onSocket) =>
  serve(onSocket, undefined, { ...websocket, maxPayloadLength: 10 }),
);

describe('closing', () => {
  test.each([
    [1000, 'done'],
    [4001, 'gründlich'],
  ])('closes with %i', async (code, reason) => {
    const { client, peer } = await pair();
    const closed = once(peer, 'close');
    peer.close(code, reason);
    expect(peer.readyState).toBe(2);
    expect(await client.closed).toEqual({ code, reason, wasClean: true });
    const [seen, why] = (await closed) as [number, Buffer];
    expect([seen, why.toString()]).toEqual([code, reason]);
    expect(peer.readyState).toBe(3);
  });

  test('closes without a code', async () => {
    const { client, peer } = await pair();
    peer.close();
    expect(await client.closed).toEqual({ code: 1005, reason: '', wasClean: true });
  });

  test('hears the client close', async () => {
    const { client, peer } = await pair();
    const closed = once(peer, 'close');
    client.socket.close(4002, 'bye');
    expect(await client.closed).toEqual({ code: 4002, reason: 'bye', wasClean: true });
    const [code, reason] = (await closed) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([4002, 'bye']);
  });

  test('terminates, and hears of an end without a Close frame', async () => {
    const first = await pair();
    const closed = once(first.peer, 'close');
    first.peer.terminate();
    expect(await first.client.closed).toMatchObject({ code: 1006 });
    expect((await closed)[0]).toBe(1006);
    const second = await pair();
    const lost = once(second.peer, 'close');
    second.client.socket.terminate();
    expect((await lost)[0]).toBe(1006);
  });

  test('sends what was queued before the Close frame', async () => {
    const { client, peer } = await pair();
    peer.send(pattern(20_000_000));
    peer.close(1000);
    expect((await client.next()).length).toBe(20_000_000);
    expect((await client.closed).code).toBe(1000);
  });

  test('refuses to send afterwards', async () => {
    const { peer } = await pair();
    peer.close();
    const error = await new Promise<Error | undefined>((resolve) => peer.send('late', resolve));
    expect(error?.message).toMatch(/not open/);
  });
});

describe('faults of the client', () => {
  test('are errors, by their kind', async () => {
    const unmasked = await pair();
    let error = once(unmasked.peer, 'error');
    unmasked.client.socket.send('x', { mask: false } as never);
    expect((await error)[0]).toMatchObject({ code: 'WS_ERR_EXPECTED_MASK' });
    expect((await unmasked.client.closed).code).toBe(1002);
    const garbled = await pair();
    error = once(garbled.peer, 'error');
    const closed = new Promise((resolve) => garbled.peer.on('close', resolve));
    garbled.client.socket.send(Uint8Array.of(0xff), { binary: false } as never);
    expect((await error)[0]).toMatchObject({ code: 'WS_ERR_INVALID_UTF8' });
    expect(await closed).toBe(1006);
    const large = await pair({}, { ...websocket, maxPayloadLength: 1000 });
    error = once(large.peer, 'error');
    large.client.socket.send(new Uint8Array(1001));
    expect((await error)[0]).toMatchObject({ code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' });
    expect((await large.client.closed).code).toBe(1009);
  });
});

describe('backpressure', () => {
  test('counts what a paused client leaves waiting, and drains', async () => {
    const { client, peer } = await pair();
    client.socket.pause();
    let calls = 0;
    let drains = 0;
    peer.on('drain', () => drains++);
    for (let index = 0; index < 10; index++) peer.send(pattern(3_000_000), () => calls++);
    await sleep(30);
    expect(peer.bufferedAmount).toBeGreaterThan(1_000_000);
    expect(calls).toBeLessThan(10);
    client.socket.resume();
    for (let index = 0; index < 10; index++) expect((await client.next()).length).toBe(3_000_000);
    await sleep(20);
    expect([peer.bufferedAmount, calls, drains]).toEqual([0, 10, 1]);
  });

  test('drops a client that leaves too much waiting', async () => {
    const { client, peer } = await pair({ maxBufferedAmount: 10_000_000 });
    client.socket.pause();
    const errors: unknown[] = [];
    peer.on('error', (error) => {
      errors.push(error);
      peer.send('sorry');
    });
    for (let index = 0; index < 10; index++) peer.send(pattern(3_000_000));
    await once(peer, 'close');
    expect(errors).toEqual([expect.objectContaining({ code: 'WS_ERR_TOO_MUCH_BUFFERED_OUTPUT' })]);
    client.socket.resume();
    expect((await client.closed).code).toBe(1006);
  });

  test.each(['drop', 'throw'] as const)(
    'keeps a client that leaves too much waiting, with bufferPolicy %s',
    async (bufferPolicy) => {
      const { client, peer } = await pair({ maxBufferedAmount: 10_000_000, bufferPolicy });
      client.socket.pause();
      const errors: unknown[] = [];
      let count = 0;
      for (; count < 10 && errors.length === 0; count++) {
        try {
          peer.send(pattern(3_000_000), (error) => error && errors.push(error));
        } catch (error) {
          errors.push(error);
        }
        // A callback comes later than an exception.
        await sleep(0);
      }
      expect(errors).toEqual([expect.objectContaining({ code: 'WS_ERR_TOO_MUCH_BUFFERED_OUTPUT' })]);
      expect(peer.readyState).toBe(WebSocket.OPEN);
      client.socket.resume();
      for (let index = 0; index < count - 1; index++) expect((await client.next()).length).toBe(3_000_000);
      peer.send('still here');
      expect(String(await client.next())).toBe('still here');
    },
  );

  test('holds the client back while it is paused', async () => {
    const { client, peer } = await pair();
    peer.pause();
    let received = 0;
    peer.on('message', (data: Buffer) => (received += data.length));
    client.socket.send(pattern(20_000_000));
    await sleep(50);
    expect(client.socket.bufferedAmount).toBe(20_000_000);
    peer.resume();
    while (received < 20_000_000) await once(peer, 'message');
  });
});

describe('the handshake', () => {
  test.each([
    [{}, ['one', 'two'], 'one'],
    [{}, [], ''],
    [{ protocol: 'two' }, ['one', 'two'], 'two'],
    [{ protocol: 'three' }, [], ''],
    [{ handleProtocols: (offered: Set<string>) => [...offered].at(-1)! }, ['one', 'two'], 'two'],
  ])('with %j agrees on one of %j: %j', async (options: UpgradeOptions, offer, expected) => {
    let seen: string | undefined;
    const port = serve((socket) => socket.on('open', () => (seen = socket.protocol)), options);
    const client = dial(port, offer);
    await client.opened;
    expect([client.socket.protocol, seen]).toEqual([expected, expected]);
  });

  test('agrees on none when it wants none', async () => {
    const port = serve(() => {}, { handleProtocols: () => false });
    const client = dial(port, ['one']);
    // Ours fails a connection without an answer to its offer, as ws does: no header came.
    expect((await client.closed).code).toBe(1006);
  });

  test('sends header fields', async () => {
    const port = serve(() => {}, { headers: { 'X-One': '1', 'Set-Cookie': 'a=b' } });
    const ws = new WebSocket(`ws://127.0.0.1:${port}/`);
    cleanup.push(() => ws.terminate());
    const [response] = (await once(ws, 'upgrade')) as [{ headers: Record<string, unknown> }];
    expect(response.headers).toMatchObject({ 'x-one': '1', 'set-cookie': ['a=b'] });
  });

  test.each([
    ['GET', 'Upgrade: no\r\nConnection: Upgrade', 400, 'Invalid Upgrade header'],
    ['POST', 'Upgrade: websocket\r\nConnection: Upgrade', 405, 'Invalid HTTP method'],
    ['GET', 'Upgrade: websocket\r\nConnection: Upgrade', 400, 'Missing or invalid Sec-WebSocket-Key header'],
    [
      'GET',
      'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 8',
      400,
      'Missing or invalid Sec-WebSocket-Version header',
    ],
  ])('refuses %s with %j', async (method, fields, status, reason) => {
    let hasOpened = false;
    const port = serve(() => (hasOpened = true));
    const socket = connect(port, '127.0.0.1');
    cleanup.push(() => socket.destroy());
    socket.write(`${method} / HTTP/1.1\r\nHost: x\r\n${fields}\r\n\r\n`);
    let answer = '';
    while (!answer.includes(reason)) answer += String((await once(socket, 'data'))[0]);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(hasOpened).toBe(false);
  });
});

describeNativePeers('Bun.serve', (heard) =>
  serve(
    (socket) => {
      socket.on('open', () => heard.push('open'));
      socket.on('message', () => heard.push('message'));
      socket.on('error', () => heard.push('error'));
      socket.on('close', (code, reason) => heard.push('close', code, String(reason)));
    },
    {},
    { ...websocket, idleTimeout: 4, sendPings: false },
  ),
);

test.each([
  ['c180 00000000', 'WS_ERR_UNEXPECTED_RSV_1'],
  ['8380 00000000', 'WS_ERR_INVALID_OPCODE'],
  ['8080 00000000', 'WS_ERR_INVALID_OPCODE'],
  ['0980 00000000', 'WS_ERR_EXPECTED_FIN'],
  ['8100', 'WS_ERR_EXPECTED_MASK'],
  ['8881 00000000 03', 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH'],
  [`89fe 007e 00000000 ${'00'.repeat(126)}`, 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH'],
  ['8882 00000000 03ed', 'WS_ERR_INVALID_CLOSE_CODE'],
  ['8181 00000000 ff', 'WS_ERR_INVALID_UTF8'],
])("a violation (%s) has ws's code %s", async (frames, code) => {
  const errors: unknown[] = [];
  let isOpen = false;
  const port = serve((socket) => {
    socket.on('open', () => (isOpen = true));
    socket.on('error', (error) => errors.push((error as { code?: string }).code));
  });
  const peer = await connectRaw(port);
  cleanup.push(() => peer.socket.destroy());
  await until('the opening', () => isOpen);
  peer.write(Buffer.from(frames.replaceAll(' ', ''), 'hex'));
  await until('the error', () => errors.length > 0);
  expect(errors).toEqual([code]);
});

test.each(['close', 'terminate'] as const)(
  'a socket that is given up by %s() before it is open stays closed',
  async (method) => {
    const events: unknown[] = [];
    const port = serve((socket) => {
      for (const name of ['open', 'error']) socket.on(name, () => events.push(name));
      socket.on('close', (code) => events.push(code));
      socket[method]();
    });
    const peer = await connectRaw(port);
    await until('the end of TCP', () => peer.hasEnded || peer.hasClosed);
    expect(events).toEqual(['error', 1006]);
  },
);

describe('sockets that the program upgrades by itself, beside ours', () => {
  /** A server with a route of each kind. */
  function serveBoth(settings: object): number {
    const server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch(request, self) {
        if (new URL(request.url).pathname === '/theirs') {
          const isUpgraded = self.upgrade(request, { data: { name: 'theirs' } });
          return isUpgraded ? undefined : new Response(null, { status: 400 });
        }
        const { response, socket } = upgrade(request, self);
        socket?.on('error', () => {});
        if (socket) echo(socket);
        return response;
      },
      websocket: settings,
    });
    cleanup.push(() => server.stop(true));
    return server.port;
  }
  const open = async (port: number, path: string): Promise<WebSocket> => {
    const ws = new WebSocket(`ws://127.0.0.1:${port}${path}`);
    cleanup.push(() => ws.terminate());
    await once(ws, 'open');
    return ws;
  };
  const answer = async (ws: WebSocket, text: string): Promise<string> => {
    ws.send(text);
    return String((await once(ws, 'message'))[0]);
  };

  test.each([
    ['websocket', websocket],
    ['a copy of it', { ...websocket, maxPayloadLength: 1000 }],
  ])('are ignored by %s', async (_, settings) => {
    const port = serveBoth(settings);
    const theirs = await open(port, '/theirs');
    theirs.send('text');
    theirs.ping();
    await once(theirs, 'pong');
    theirs.pong();
    theirs.close(4000);
    await once(theirs, 'close');
    expect(await answer(await open(port, '/'), 'still here')).toBe('still here');
  });

  test('have their handlers, and their settings are for both', async () => {
    const events: unknown[] = [];
    interface Theirs {
      readonly data: { readonly name: string };
      sendText(text: string): number;
    }
    const port = serveBoth(
      websocket({
        maxPayloadLength: 1000,
        open: (socket: Theirs) => events.push('open', socket.data.name),
        message(socket: Theirs, message: string | Uint8Array) {
          socket.sendText(`${String(message)} for ${socket.data.name}`);
        },
        ping: () => void events.push('ping'),
        pong: () => void events.push('pong'),
        close: (_socket: Theirs, code: number, reason: string) => events.push('close', code, reason),
      }),
    );
    const [theirs, ours] = [await open(port, '/theirs'), await open(port, '/')];
    expect(await answer(theirs, 'text')).toBe('text for theirs');
    expect(await answer(ours, 'text')).toBe('text');
    theirs.pong();
    theirs.ping();
    await once(theirs, 'pong');
    theirs.close(4000, 'bye');
    await once(theirs, 'close');
    await until('the close', () => events.includes('close'));
    expect(events).toEqual(['open', 'theirs', 'pong', 'ping', 'close', 4000, 'bye']);
    ours.send('x'.repeat(1001));
    expect((await once(ours, 'close'))[0]).toBe(1009);
  });
});

test("hears behind `await ready` what came together with the client's request", async () => {
  const port = serve((socket) => {
    void socket.ready.then(() => socket.on('message', (data) => socket.send(`heard ${(data as Buffer).toString()}`)));
  });
  // Frames masked with zeros: 'Hello'.
  const extra = Buffer.from('81850000000048656c6c6f', 'hex');
  const peers = await Promise.all(Array.from({ length: 10 }, () => connectRaw(port, { extra, allowHalfOpen: true })));
  for (const peer of peers) {
    expect((await peer.readBytes(13)).toString('latin1')).toBe('\x81\x0bheard Hello');
    peer.socket.destroy();
  }
});
