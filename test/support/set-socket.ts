// `setSocket` of ws: a WebSocket over a stream whose handshake a test helper did by itself. With the class of any ws-style entry point.

import { Duplex } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type * as node from '../../adapters/node/index.ts';
import { until } from './sockets.ts';

type Socket = InstanceType<(typeof node)['WebSocket']>;
type Helped = Socket & { _isServer: boolean; setSocket(socket: Duplex, head: Buffer, options?: object): void };

/** Two streams, each of which reads what the other was written. */
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
export function describeSetSocket(name: string, { WebSocket }: Pick<typeof node, 'WebSocket'>): void {
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
