// Members of ws that are in no documentation: `setSocket`, by which a test helper makes a WebSocket of a stream whose handshake it did by
// itself, `_sender`, `_receiver` and `_req`. With the classes of any ws-style entry point.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Duplex } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import type * as node from '../../adapters/node/index.ts';
import { Cleanup, until } from './sockets.ts';

type Socket = InstanceType<(typeof node)['WebSocket']>;
type Helped = Socket & { _isServer: boolean; setSocket(socket: Duplex, head: Buffer, options?: object): void };

type Entry = Pick<typeof node, 'WebSocket' | 'WebSocketServer' | 'Sender'>;

/** The members of `ws._sender` and the like that programs use. */
interface Internals {
  _sender: { sendFrame(list: readonly (Buffer | string)[], callback?: (error?: Error) => void): void } | null | undefined;
  _receiver: { readonly _isServer: boolean; readonly _binaryType: string; _maxPayload: number } | null | undefined;
  readonly _req: { readonly path: string; getHeader(name: string): unknown } | null | undefined;
}

/** The same object, with the members that our types do not have. */
function inside(ws: Socket): Internals {
  return ws as unknown as Internals;
}

/** Two streams, each of which reads the writes of the other. */
function streams(): [Duplex, Duplex] {
  const make = (other: () => Duplex): Duplex =>
    new Duplex({
      read() {},
      write(chunk: Buffer, _encoding, done) {
        other().push(chunk);
        done();
      },
      final(done) {
        other().push(null);
        done();
      },
    });
  const one: Duplex = make(() => two);
  const two: Duplex = make(() => one);
  return [one, two];
}

/** Declares the tests. */
export function describeInternals(name: string, entry: Entry): void {
  const { WebSocket } = entry;
  const make = (isServer: boolean): Helped => {
    const ws = new WebSocket(null) as Helped;
    if (!isServer) ws._isServer = false;
    return ws;
  };

  describe(`setSocket() on ${name}`, () => {
    test('connects a client and a server over streams, and loses nothing', async () => {
      const [one, two] = streams();
      const server = make(true);
      const client = make(false);
      expect([server._isServer, client._isServer]).toEqual([true, false]);
      // As fastify's injectWS() does: it listens for the answer, and lets go in the 'open' event.
      const onData = (): void => {};
      two.on('data', onData);
      const log: string[] = [];
      client.on('open', () => {
        log.push('open');
        two.removeListener('data', onData);
      });
      for (const [ws, side] of [
        [client, 'client'],
        [server, 'server'],
      ] as const) {
        ws.on('message', (data) => log.push(`${side}: ${(data as Buffer).toString()}`));
        ws.on('close', (code) => log.push(`${side} closes: ${code}`));
      }
      server.setSocket(one, Buffer.alloc(0));
      server.send('hello');
      client.setSocket(two, Buffer.alloc(0), { maxPayload: 0 });
      client.send('hi');
      await until('both messages', () => log.length === 3);
      client.close(4000);
      await until('both ends', () => log.length === 5);
      expect([...log].sort()).toEqual(['client closes: 4000', 'client: hello', 'open', 'server closes: 4000', 'server: hi']);
    });

    test('takes the bytes that came with the handshake', async () => {
      const [one] = streams();
      const client = make(false);
      const message = new Promise((resolve) => client.on('message', (data) => resolve((data as Buffer).toString())));
      client.setSocket(one, Buffer.from('810568656c6c6f', 'hex'));
      expect(await message).toBe('hello');
      client.terminate();
    });
  });
}

/** Declares the tests of `_sender`, `_receiver` and `_req`. */
export function describeHandles(name: string, { WebSocket, WebSocketServer, Sender }: Entry): void {
  const cleanup = new Cleanup();
  afterEach(() => cleanup.run());

  /** Both ends of a connection, and the events of the client. */
  async function connected(options: object = {}): Promise<{ server: Socket; client: Socket; heard: string[] }> {
    const wss = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
    cleanup.add(() => wss.close());
    await once(wss, 'listening');
    const client = new WebSocket(`ws://127.0.0.1:${(wss.address() as AddressInfo).port}/path`);
    cleanup.add(() => client.terminate());
    const heard: string[] = [];
    client.on('message', (data, isBinary) => {
      const bytes = data as Buffer;
      heard.push(bytes.length > 40 ? `${bytes.length} bytes` : `${isBinary ? 'binary ' : ''}${bytes.toString()}`);
    });
    client.on('ping', (data) => heard.push(`ping ${data.toString()}`));
    client.on('close', (code) => heard.push(`close ${code}`));
    const [[server]] = (await Promise.all([once(wss, 'connection'), once(client, 'open')])) as [[Socket], unknown];
    return { server, client, heard };
  }

  function frame(text: string): Buffer[] {
    return Sender.frame(Buffer.from(text), { readOnly: false, mask: false, rsv1: false, opcode: 1, fin: true });
  }

  describe(`_sender.sendFrame() on ${name}`, () => {
    test('keeps the order of all that is sent, and copies', async () => {
      const { server, heard } = await connected();
      const { _sender: sender } = inside(server);
      const told: unknown[] = [];
      const [header, payload] = frame('two');
      server.send('one', () => told.push('one'));
      sender!.sendFrame([header, payload], (error) => told.push(error ?? 'two'));
      expect(server.bufferedAmount).toBe(6);
      header.fill(0xff);
      payload.fill(0xff);
      server.ping('three');
      sender!.sendFrame([Buffer.from('8104666f7572', 'hex')], (error) => told.push(error ?? 'four'));
      sender!.sendFrame([Buffer.from('8103', 'hex'), 'six']);
      expect(server.bufferedAmount).toBe(13);
      expect(told).toEqual([]);
      // A frame of no payload, which Sender.frame() makes in one piece, and a control frame.
      sender!.sendFrame(frame(''));
      sender!.sendFrame([Buffer.from('890173', 'hex')]);
      server.close(4000);
      await until('the end', () => heard.includes('close 4000'));
      expect(heard).toEqual(['one', 'two', 'ping three', 'four', 'six', '', 'ping s', 'close 4000']);
      expect(told).toEqual(['one', 'two', 'four']);
    });

    test('waits behind a Blob and behind a message that is being compressed', async () => {
      const { server, heard } = await connected({ perMessageDeflate: { threshold: 0 } });
      const { _sender: sender } = inside(server);
      server.send(new Blob(['blob']));
      const list = frame('frame');
      sender!.sendFrame(list);
      list[1].fill(0);
      await until('the frame', () => heard.length === 2);
      const bytes = Buffer.from(Array.from({ length: 6_000_000 }, (_, index) => (index * index) % 251));
      server.send(bytes);
      const other = frame('behind');
      sender!.sendFrame(other);
      other[1].fill(0);
      expect(server.bufferedAmount).toBeGreaterThanOrEqual(6);
      server.send('last');
      await until('all', () => heard.length === 5);
      expect(heard).toEqual(['binary blob', 'frame', '6000000 bytes', 'behind', 'last']);
    });

    test.each([20_000, 200_000, 20_000_000])('takes %d bytes, also while the peer does not read', async (length) => {
      const { server, client, heard } = await connected();
      client.pause();
      const { _sender: sender } = inside(server);
      for (const letter of ['x', 'y']) {
        const list = frame(letter.repeat(length));
        sender!.sendFrame(list);
        list[1].fill(0x7a);
      }
      const texts: string[] = [];
      client.on('message', (data) => texts.push((data as Buffer).toString('latin1')));
      server.send('end');
      await new Promise((resolve) => setTimeout(resolve, 20));
      client.resume();
      await until('the end', () => heard.includes('end'));
      expect(texts.map((text) => [text.length, text[0], text.at(-1)])).toEqual([
        [length, 'x', 'x'],
        [length, 'y', 'y'],
        [3, 'e', 'd'],
      ]);
    });

    test('tells the callback when the WebSocket is not open, and throws at what is no frame', async () => {
      const { server, heard } = await connected();
      const { _sender: sender } = inside(server);
      expect(() => sender!.sendFrame([])).toThrow(TypeError);
      expect(() => sender!.sendFrame([Buffer.from([0x81])])).toThrow('A frame has at least two bytes');
      server.close();
      const error = await new Promise<Error | undefined>((resolve) => sender!.sendFrame(frame('late'), resolve));
      expect(error?.message).toBe('WebSocket is not open: readyState 2 (CLOSING)');
      expect(server.bufferedAmount).toBe(0);
      await until('the end', () => heard.length === 1);
      expect(heard).toEqual(['close 1005']);
    });

    test('obeys maxBufferedAmount', async () => {
      const { server } = await connected({ maxBufferedAmount: 100_000, bufferPolicy: 'throw' });
      const { _sender: sender } = inside(server);
      (server as unknown as { _socket: { cork(): void } })._socket.cork?.();
      expect(() => {
        for (let count = 0; count < 1000; count++) sender!.sendFrame(frame('x'.repeat(100_000)));
      }).toThrow(/maxBufferedAmount/);
    });

    test('is one object, found through a Proxy and by inheritance, and may be replaced', async () => {
      const { server } = await connected();
      const { _sender: sender } = inside(server);
      expect(inside(server)._sender).toBe(sender);
      expect(inside(new Proxy(server, {}))._sender).toBe(sender);
      expect(inside(Object.create(server) as Socket)._sender).toBe(sender);
      inside(server)._sender = null;
      expect(inside(server)._sender).toBe(null);
      expect(inside(Object.create(WebSocket.prototype) as Socket)._sender).toBe(undefined);
    });
  });

  test(`${name}: _sender and _receiver come with the connection, _req is there before it`, async () => {
    const { server, client } = await connected();
    const early = new WebSocket(client.url);
    cleanup.add(() => early.terminate());
    expect([inside(early)._sender, inside(early)._receiver]).toEqual([null, null]);
    const request = inside(early)._req;
    expect([request!.path, request!.getHeader('Sec-WebSocket-Version')]).toEqual(['/path', '13']);
    await once(early, 'open');
    expect(inside(early)._req).toBe(null);
    expect(inside(early)._sender).toBeTypeOf('object');
    expect([inside(client)._req, inside(server)._req]).toEqual([null, undefined]);
  });

  test(`${name}: _receiver tells how frames are read, and takes another maxPayload`, async () => {
    const { server, client, heard } = await connected({ maxPayload: 10 });
    const { _receiver: receiver } = inside(server);
    expect(receiver).toMatchObject({ _isServer: true, _binaryType: 'nodebuffer', _maxPayload: 10 });
    expect(inside(client)._receiver!._isServer).toBe(false);
    expect(() => (receiver!._maxPayload = -1)).toThrow(RangeError);
    receiver!._maxPayload = 20;
    server.on('message', (data) => server.send((data as Buffer).toString()));
    client.send('x'.repeat(20));
    await until('the echo', () => heard.length === 1);
    client.send('x'.repeat(21));
    await until('the end', () => heard.length === 2);
    expect(heard).toEqual(['x'.repeat(20), 'close 1009']);
  });
}
