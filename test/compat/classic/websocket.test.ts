// WebSocket of the facade: both ends of a connection, its options, properties and events.

import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { WebSocket, type MessageFlags } from '../../../src/compat/classic/index.ts';
import { frame, hex, toHex } from '../../support/frames.ts';
import { Cleanup, connectRaw, duplexPair, listen, serveRaw, until, within, type RawPeer } from '../../support/sockets.ts';
import { connectPair, ended, messagesOf, nextClient, nextMessage, openClient, startServer } from './peers.ts';
import { sleep } from '../../support/sleep.ts';
import { keepUncaught } from '../../support/uncaught.ts';

/** A client whose server is played by the test. */
async function openRaw(extra?: Uint8Array): Promise<{ ws: WebSocket; peer: RawPeer }> {
  const cleanup = new Cleanup();
  onTestFinished(() => cleanup.run());
  const server = await serveRaw(cleanup, { ...(extra && { extra }), allowHalfOpen: true });
  const ws = openClient(server.url);
  const [peer] = await Promise.all([server.accept(), within('open', once(ws, 'open'))]);
  return { ws, peer };
}

describe('construction', () => {
  test.each(['', 'nonsense', 'ftp://localhost', 'ws:', 'ws://localhost/#fragment'])(
    'client refuses the address %j',
    (address) => {
      expect(() => new WebSocket(address)).toThrow(SyntaxError);
    },
  );

  test.each([7, 14, 'hixie-76', 'hybi'])('client refuses protocol version %j', (protocolVersion) => {
    expect(() => new WebSocket('ws://localhost', { protocolVersion: protocolVersion as 13 })).toThrow(
      'unsupported protocol version',
    );
  });

  test.each([[['a', 'a']], ['a b'], ['a,,b']])('client refuses the subprotocols %j', (protocols) => {
    expect(() => new WebSocket('ws://localhost', protocols)).toThrow(SyntaxError);
  });

  test('client has its properties from the start', async () => {
    const { url } = await startServer();
    const ws = openClient(`${url}?a=b`);
    expect(ws.readyState).toBe(WebSocket.CONNECTING);
    expect(ws).toMatchObject({
      url: `${url}?a=b`,
      protocolVersion: 13,
      supports: { binary: true },
      bytesReceived: 0,
      bufferedAmount: 0,
    });
    expect(ws.upgradeReq).toBeUndefined();
    await once(ws, 'open');
    expect(ws.readyState).toBe(WebSocket.OPEN);
    expect(ws._socket).not.toBeNull();
  });

  test('server-side WebSocket is made of request, socket and the bytes behind it', async () => {
    const [near, far] = duplexPair();
    const request = { url: '/x' } as IncomingMessage;
    const ws = new WebSocket([request, near, hex('81 80 00000000')], { protocolVersion: 8, protocol: 'chat' });
    expect(ws).toMatchObject({ readyState: 1, upgradeReq: request, protocol: 'chat', protocolVersion: 8, url: undefined });
    expect(await nextMessage(ws)).toMatchObject({ data: '', flags: { binary: false, masked: true } });
    expect(ws.bytesReceived).toBe(6);
    ws.send('hi');
    const [chunk] = (await once(far, 'data')) as [Buffer];
    expect(toHex(chunk)).toBe('81 02 68 69');
    ws.terminate();
    expect(await ended(ws)).toEqual([1006, '']);
  });

  test('client waits for its listeners before it delivers what came with the answer', async () => {
    const cleanup = new Cleanup();
    onTestFinished(() => cleanup.run());
    const server = await serveRaw(cleanup, { extra: hex('81 02 6869') });
    const ws = openClient(server.url);
    const order: string[] = [];
    ws.on('message', (data) => order.push(`message ${String(data)}`));
    ws.on('open', () => order.push('open'));
    await until('both', () => order.length === 2);
    expect(order).toEqual(['open', 'message hi']);
  });
});

describe('messages', () => {
  test.each([8, 13] as const)('both ends exchange text and bytes with version %d', async (protocolVersion) => {
    const { local, remote } = await connectPair({}, { protocolVersion });
    for (const [from, to, masked] of [
      [local, remote, true],
      [remote, local, false],
    ] as const) {
      from.send('grüße \u{1F600}');
      const text = await nextMessage(to);
      expect(text.data).toBe('grüße \u{1F600}');
      expect(text.flags).toEqual({ binary: false, masked, buffer: Buffer.from('grüße \u{1F600}') });
      expect(text.flags.buffer).toBe(text.flags.buffer);
      from.send(Buffer.from([0, 1, 254, 255]));
      const binary = await nextMessage(to);
      expect(binary.data).toEqual(Buffer.from([0, 1, 254, 255]));
      expect(binary.flags).toEqual({ binary: true, masked, buffer: binary.data });
    }
  });

  test('a message may be as long as maxPayload and no longer', async () => {
    const { local, remote } = await connectPair({ maxPayload: 1000 });
    local.send('x'.repeat(1000));
    expect((await nextMessage(remote)).data).toHaveLength(1000);
    const failed = once(remote, 'error') as Promise<[Error & { closeCode: number }]>;
    local.send('x'.repeat(1001));
    expect((await failed)[0].closeCode).toBe(1009);
    expect(await ended(local)).toEqual([1009, '']);
  });

  test('client has maxPayload too', async () => {
    const { local, remote } = await connectPair({}, { maxPayload: 10 });
    const failed = once(local, 'error') as Promise<[Error & { closeCode: number }]>;
    remote.send(Buffer.alloc(11));
    expect((await failed)[0].closeCode).toBe(1009);
  });

  test('text that is not UTF-8 ends the connection with 1007', async () => {
    const { local, remote } = await connectPair();
    const failed = once(remote, 'error') as Promise<[Error & { code: string }]>;
    local.send(Buffer.from([0xc0, 0xff]), { binary: false });
    expect((await failed)[0].code).toBe('WS_ERR_INVALID_UTF8');
    expect((await ended(local))[0]).toBe(1007);
  });

  test('a peer that breaks the protocol is told so, and error and close tell the program', async () => {
    const { server, port } = await startServer();
    const accepted = nextClient(server);
    const peer = await connectRaw(port);
    const ws = await accepted;
    peer.write(hex('81 02 6869'));
    const [[error], close] = await Promise.all([once(ws, 'error') as Promise<[Error & { code: string }]>, ended(ws)]);
    expect(error.code).toBe('WS_ERR_EXPECTED_MASK');
    expect(close).toEqual([1006, '']);
    expect(toHex(await peer.readBytes(4))).toBe('88 02 03 ea');
  });

  test('a reset is an error for those who listen, and only close for the others', async () => {
    for (const listens of [true, false]) {
      const { server, port } = await startServer();
      const accepted = nextClient(server);
      const peer = await connectRaw(port);
      const ws = await accepted;
      const onError = vi.fn<(...values: unknown[]) => void>();
      if (listens) ws.on('error', onError);
      peer.socket.resetAndDestroy();
      expect(await ended(ws)).toEqual([1006, '']);
      if (listens) expect(onError).toHaveBeenCalledWith(expect.objectContaining({ code: 'ECONNRESET' }));
    }
  });

  test('bytesReceived counts frames, headers included, cut anywhere', async () => {
    const { ws, peer } = await openRaw();
    const messages = messagesOf(ws);
    expect(ws.bytesReceived).toBe(0);
    for (const byte of frame({ payload: 'x'.repeat(300) })) peer.write(Uint8Array.of(byte));
    peer.write(frame({ opcode: 9, payload: 'p' }));
    await until('304 + 3 bytes', () => ws.bytesReceived >= 307);
    expect(ws.bytesReceived).toBe(307);
    expect(messages).toEqual(['x'.repeat(300)]);
  });
});

describe('ping and pong', () => {
  test('a ping is answered, and both ends get its event', async () => {
    const { local, remote } = await connectPair();
    const pinged = once(remote, 'ping') as Promise<[Buffer, MessageFlags]>;
    const ponged = once(local, 'pong') as Promise<[Buffer, MessageFlags]>;
    local.ping('hi', { binary: true });
    const [data, flags] = await pinged;
    expect(data).toEqual(Buffer.from('hi'));
    expect(flags).toEqual({ binary: true, masked: true, buffer: Buffer.from('hi') });
    const [answer, answerFlags] = await ponged;
    expect(answer).toEqual(Buffer.from('hi'));
    expect(answerFlags.masked).toBe(false);
  });

  test('ping and pong write what they are given', async () => {
    const { ws, peer } = await openRaw();
    ws.ping(undefined, { mask: false });
    ws.pong(Buffer.from([1, 2]), { mask: false });
    ws.ping(7, { mask: false });
    expect(toHex(await peer.readBytes(9))).toBe('89 00 8a 02 01 02 89 01 37');
    expect(() => ws.ping(Buffer.alloc(126))).toThrow(/125/);
  });

  test('ping and pong throw while the connection is not open, unless told otherwise', async () => {
    const { url } = await startServer();
    const ws = openClient(url);
    for (const method of ['ping', 'pong'] as const) {
      expect(() => ws[method]()).toThrow('not opened');
      expect(() => ws[method]('', {}, false)).toThrow('not opened');
      expect(() => ws[method]('', {}, true)).not.toThrow();
    }
    await once(ws, 'open');
    ws.close();
    expect(() => ws.ping()).toThrow('not opened');
    expect(() => ws.pong('', null, true)).not.toThrow();
  });
});

describe('pause and resume', () => {
  test('hold back what has not been read', async () => {
    const { local, remote } = await connectPair();
    const messages = messagesOf(remote);
    remote.pause();
    const chunk = Buffer.alloc(1 << 20);
    let sent = 0;
    for (let index = 0; index < 32; index++) local.send(chunk, () => sent++);
    // More than the system takes: some of it has to wait.
    await sleep(100);
    expect(sent).toBeLessThan(32);
    expect(local.bufferedAmount).toBeGreaterThan(0);
    expect(messages.length).toBeLessThan(32);
    remote.resume();
    await until('all messages', () => messages.length === 32);
    await until('all callbacks', () => sent === 32);
    expect(local.bufferedAmount).toBe(0);
  });

  test.each(['pause', 'resume'] as const)('%s throws unless open', async (method) => {
    const { url } = await startServer();
    const ws = openClient(url);
    expect(() => ws[method]()).toThrow('not opened');
    await once(ws, 'open');
    ws[method]();
    ws.terminate();
    expect(() => ws[method]()).toThrow('not opened');
    await ended(ws);
    expect(() => ws[method]()).toThrow('not opened');
  });
});

describe('close and terminate', () => {
  test('close sends code and reason, and both ends hear them', async () => {
    const { local, remote } = await connectPair();
    const both = Promise.all([ended(local), ended(remote)]);
    local.close(4000, 'bye bye');
    expect(local.readyState).toBe(WebSocket.CLOSING);
    expect(await both).toEqual([
      [4000, 'bye bye'],
      [4000, 'bye bye'],
    ]);
    expect([local.readyState, remote.readyState]).toEqual([WebSocket.CLOSED, WebSocket.CLOSED]);
  });

  test('close without a code sends 1000', async () => {
    const { ws, peer } = await openRaw();
    ws.close(undefined, Buffer.from('why'));
    ws.close(4001);
    const bytes = await peer.readBytes(11);
    expect(toHex(bytes.subarray(0, 2))).toBe('88 85');
    const payload = Array.from(bytes.subarray(6, 11), (byte, index) => byte ^ bytes[2 + (index % 4)]);
    expect(payload).toEqual([0x03, 0xe8, ...Buffer.from('why')]);
  });

  test('a Close frame without a code is 1000', async () => {
    const { ws, peer } = await openRaw();
    peer.write(hex('88 00'));
    peer.socket.end();
    expect(await ended(ws)).toEqual([1000, '']);
  });

  test('the end of TCP without a Close frame is 1006', async () => {
    const { ws, peer } = await openRaw();
    peer.socket.end();
    expect(await ended(ws)).toEqual([1006, '']);
  });

  test.each([1005, 1006, 999, 5000, 1000.5, 'error'])('close refuses the code %j', async (code) => {
    const { local } = await connectPair();
    expect(() => local.close(code as number)).toThrow('first argument must be a valid error code number');
    expect(local.readyState).toBe(WebSocket.OPEN);
  });

  test('close refuses a reason of 124 bytes', async () => {
    const { local } = await connectPair();
    expect(() => local.close(1000, 'é'.repeat(62))).toThrow(RangeError);
    local.close(1000, `${'é'.repeat(61)}.`);
    expect(await ended(local)).toEqual([1000, `${'é'.repeat(61)}.`]);
  });

  test('closeTimeout ends a closing handshake that the peer does not finish', async () => {
    const { server, port } = await startServer({ closeTimeout: 20 });
    const accepted = nextClient(server);
    const peer = await connectRaw(port, { allowHalfOpen: true });
    onTestFinished(() => void peer.socket.destroy());
    const ws = await accepted;
    ws.close();
    expect(await ended(ws)).toEqual([1006, '']);
  });

  test('terminate drops the connection, and does nothing twice', async () => {
    const { local, remote } = await connectPair();
    const both = Promise.all([ended(local), ended(remote)]);
    local.terminate();
    local.terminate();
    expect(await both).toEqual([
      [1006, ''],
      [1006, ''],
    ]);
    local.terminate();
    local.close();
    expect(local.readyState).toBe(WebSocket.CLOSED);
  });
});

test.each(['error', 'unexpected-response'] as const)(
  'client that a server refuses, and whose listeners of %s and of close throw, leaves both uncaught',
  async (event) => {
    const uncaught = keepUncaught();
    onTestFinished(() => uncaught.stop());
    const server = createServer((_request, response) => response.writeHead(403).end());
    onTestFinished(() => void server.close());
    const ws = openClient(`ws://127.0.0.1:${await listen(server)}/`);
    for (const name of [event, 'close'] as const) {
      ws.on(name, () => {
        throw new Error(`of ${name}`);
      });
    }
    await expect.poll(() => uncaught.messages.toSorted()).toEqual(['of close', `of ${event}`]);
  },
);
