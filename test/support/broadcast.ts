// `broadcast` over real sockets, with the classes of any ws-style entry point.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type * as node from '../../adapters/node/index.ts';
import { expectBytes } from './bytes.ts';
import { pattern } from './frames.ts';

/** The exports of a ws-style entry point that are used here. */
export type BroadcastModule = Pick<typeof node, 'broadcast' | 'WebSocket' | 'WebSocketServer'>;

type Server = InstanceType<BroadcastModule['WebSocketServer']>;
type Socket = InstanceType<BroadcastModule['WebSocket']>;

/** A client, and the server's end of it. */
interface Peer {
  readonly near: Socket;
  readonly far: Socket;
  readonly messages: (string | Buffer)[];
}

/** Declares the tests. */
export function describeBroadcast(name: string, { broadcast, WebSocket, WebSocketServer }: BroadcastModule): void {
  const servers: Server[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      for (const client of server.clients) client.terminate();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  const listen = async (options: object = {}): Promise<Server> => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
    servers.push(server);
    await once(server, 'listening');
    return server;
  };
  const connect = async (server: Server, options: object = {}): Promise<Peer> => {
    const connected = once(server, 'connection') as Promise<[Socket]>;
    const near = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, options);
    const messages: (string | Buffer)[] = [];
    near.on('message', (data, isBinary) => messages.push(isBinary ? (data as Buffer) : (data as Buffer).toString()));
    await once(near, 'open');
    return { near, far: (await connected)[0], messages };
  };
  const connectAll = async (server: Server, count: number): Promise<Peer[]> => {
    const peers: Peer[] = [];
    for (let index = 0; index < count; index++) peers.push(await connect(server));
    return peers;
  };
  const until = async (peer: Peer, count: number): Promise<void> => {
    while (peer.messages.length < count) await once(peer.near, 'message');
  };

  describe(`broadcast of ${name}`, () => {
    test('server sends to all but one, among what it sends to each', async () => {
      const server = await listen();
      const peers = await connectAll(server, 5);
      peers.forEach(({ far }, index) => far.send(`first ${index}`));
      broadcast(server.clients, 'text', { except: peers[0].far });
      broadcast(server.clients, Uint8Array.of(1, 2, 3));
      peers.forEach(({ far }, index) => far.send(`middle ${index}`));
      broadcast(server.clients, Buffer.from('as text'), { binary: false });
      broadcast(server.clients, 42, { except: peers[4].far });
      broadcast(server.clients, 'bytes', { binary: true });
      for (const [index, peer] of peers.entries()) {
        await until(peer, index === 0 || index === 4 ? 6 : 7);
        expect(peer.messages).toEqual([
          `first ${index}`,
          ...(index === 0 ? [] : ['text']),
          Buffer.of(1, 2, 3),
          `middle ${index}`,
          'as text',
          ...(index === 4 ? [] : ['42']),
          Buffer.from('bytes'),
        ]);
      }
    });

    test('server sends every length', async () => {
      const server = await listen();
      const peers = await connectAll(server, 2);
      const sizes = [0, 1, 125, 126, 16_383, 16_384, 65_535, 65_536, 1_000_003];
      for (const size of sizes) broadcast(server.clients, pattern(size, size));
      for (const peer of peers) {
        await until(peer, sizes.length);
        sizes.forEach((size, index) => expectBytes(peer.messages[index] as Buffer, pattern(size, size)));
      }
    });

    test('server sends more than shared memory holds at once, whatever becomes of the payload', async () => {
      const server = await listen();
      const peers = await connectAll(server, 3);
      const payload = new Uint8Array(300);
      for (let index = 0; index < 500; index++) {
        payload.fill(index);
        broadcast(server.clients, payload);
        if (index % 7 === 0) peers[1].far.send(`own ${index}`);
      }
      const shared = Array.from({ length: 500 }, (_, index) => index);
      await until(peers[2], 500);
      const expected = shared.map((index) => new Uint8Array(300).fill(index));
      expect(Buffer.concat(peers[2].messages as Buffer[]).equals(Buffer.concat(expected))).toBe(true);
      const own = shared.filter((index) => index % 7 === 0);
      await until(peers[1], 500 + own.length);
      expect(peers[1].messages.filter((message) => typeof message === 'string')).toEqual(own.map((index) => `own ${index}`));
      const both = peers.slice(1).map(({ messages }) => messages.filter((message) => typeof message !== 'string'));
      // One comparison: a difference in hundreds of Buffers takes minutes to print.
      expect(Buffer.concat(both[0]).equals(Buffer.concat(both[1]))).toBe(true);
    });

    test('server compresses where that was negotiated, and masks nothing', async () => {
      const server = await listen({ perMessageDeflate: { threshold: 0 } });
      const plain = await connect(server, { perMessageDeflate: false });
      const deflating = await connect(server);
      expect([plain.near.extensions, deflating.near.extensions]).toEqual(['', 'permessage-deflate']);
      for (const text of ['a'.repeat(5000), 'b'.repeat(5000)]) broadcast(server.clients, text);
      broadcast(server.clients, 'c'.repeat(5000), { compress: false });
      for (const peer of [plain, deflating]) {
        await until(peer, 3);
        expect(peer.messages).toEqual(['a', 'b', 'c'].map((letter) => letter.repeat(5000)));
      }
    });

    test('server sends what the payload was while it is compressing another', async () => {
      const server = await listen({ perMessageDeflate: { threshold: 0 } });
      const peer = await connect(server);
      const large = pattern(1_000_000);
      peer.far.send(large);
      const payload = Uint8Array.of(1, 2, 3);
      broadcast(server.clients, payload);
      payload.fill(9);
      await until(peer, 2);
      expectBytes(peer.messages[0] as Buffer, large);
      expect(peer.messages[1]).toEqual(Buffer.of(1, 2, 3));
    });

    test('client sends masked frames', async () => {
      const server = await listen();
      const peers = await connectAll(server, 2);
      const heard = peers.map(({ far }) => once(far, 'message'));
      broadcast(
        peers.map(({ near }) => near),
        'from a client',
      );
      // A server fails a connection over an unmasked frame (RFC 6455 section 5.1).
      for (const [data] of await Promise.all(heard)) expect(String(data)).toBe('from a client');
    });

    test('server ends a message in fragments first', async () => {
      const server = await listen();
      const [one, other] = await connectAll(server, 2);
      one.far.send('begun, ', { fin: false });
      broadcast(server.clients, 'ended');
      broadcast(server.clients, 'next');
      await until(one, 2);
      await until(other, 2);
      expect([one.messages, other.messages]).toEqual([
        ['begun, ended', 'next'],
        ['ended', 'next'],
      ]);
    });

    test('server passes over what is not open, and refuses what has no bytes', async () => {
      const server = await listen();
      const [one, other] = await connectAll(server, 2);
      one.far.close();
      const connecting = new WebSocket('ws://127.0.0.1:1');
      connecting.on('error', () => {});
      broadcast([one.far, connecting, other.far], 'text');
      await until(other, 1);
      expect(() => broadcast(server.clients, new Blob(['a']))).toThrow(TypeError);
      expect(one.messages).toEqual([]);
    });

    test('server serves the others before it throws for one', async () => {
      const server = await listen({ maxBufferedAmount: 1000, bufferPolicy: 'throw' });
      const peers = await connectAll(server, 3);
      peers[1].near.pause();
      const block = pattern(1_048_576);
      // Until the system takes no more, so that something waits.
      while (peers[1].far.bufferedAmount <= 1000) {
        peers[1].far.send(block);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      expect(() => broadcast(server.clients, 'text')).toThrow(/1000/);
      await until(peers[0], 1);
      await until(peers[2], 1);
      expect([peers[0].messages, peers[2].messages]).toEqual([['text'], ['text']]);
    });
  });
}
