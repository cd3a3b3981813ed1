// The option `gate` of upgrade(), on every runtime and for both APIs: limits, counters and shutdown.

import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import type { Gate as NodeGate, WebSocket as NodeWebSocket } from '../../adapters/node/index.ts';
import { connectRaw, until } from './sockets.ts';

type Client = InstanceType<typeof NodeWebSocket>;
type Gate = InstanceType<typeof NodeGate>;

/** A runtime with an API. */
export interface GateSubject {
  readonly WebSocket: new (address: string, protocols: string[], options: object) => Client;
  readonly Gate: typeof NodeGate;
  /**
   * Starts a server that calls `upgrade` with `options`, and `remoteAddress` where it needs one. Its WebSockets echo. It answers 500 where `upgrade`
   * throws.
   *
   * @param thrown Gets the exceptions of `upgrade`.
   * @param addresses Gets each `clientAddress`, where `upgrade` returns it.
   * @returns Its port.
   */
  serve(options: object, thrown: unknown[], addresses: unknown[]): number | Promise<number>;
  /** Whether `ratePolicy: 'pause'` is a TypeError, and pauses do not reach TCP. */
  readonly cannotPause: boolean;
  /** Whether the runtime closes TCP without waiting for the Close frame of the peer. */
  readonly closesAtOnce?: boolean;
  /** Whether the runtime drops a connection on which a message arrives after its Close frame (Deno 2.9), so that the code may be lost. */
  readonly dropsBusyPeers?: boolean;
  /** Whether `upgrade` returns `clientAddress`. Default true. */
  readonly hasAddresses?: boolean;
}

/** 101, or the status of the refusal with its Retry-After. */
export async function outcome(client: Client): Promise<string> {
  return await new Promise((resolve) => {
    client.on('open', () => resolve('101'));
    client.on('unexpected-response', (_request, response) => {
      const { statusCode, headers } = response as unknown as { statusCode: number; headers: Record<string, string> };
      client.terminate();
      resolve(`${statusCode} ${headers['retry-after'] ?? 'without Retry-After'}`);
    });
  });
}

export function describeGate(name: string, subject: GateSubject): void {
  describe(`gate of upgrade() (${name})`, () => {
    const { Gate } = subject;
    const clients: Client[] = [];
    const gates: Gate[] = [];
    afterEach(async () => {
      for (const client of clients.splice(0)) client.terminate();
      for (const gate of gates.splice(0)) await gate.shutdown({ signal: AbortSignal.abort() });
    });

    async function start(limits: object = {}): Promise<{ gate: Gate; port: number; thrown: unknown[]; addresses: unknown[] }> {
      const gate = new Gate(limits);
      gates.push(gate);
      const thrown: unknown[] = [];
      const addresses: unknown[] = [];
      return { gate, port: await subject.serve({ gate }, thrown, addresses), thrown, addresses };
    }

    function dial(port: number, headers: object = {}): Client {
      const client = new subject.WebSocket(`ws://127.0.0.1:${port}/`, [], { headers });
      client.on('error', () => {});
      clients.push(client);
      return client;
    }

    test('shutdown() closes all connections with 1001, and refuses further requests', async () => {
      const { gate, port } = await start();
      const open = [dial(port), dial(port), dial(port)];
      expect(await Promise.all(open.map(outcome))).toEqual(['101', '101', '101']);
      await until('all', () => gate.connections === 3);
      const closes = open.map((client) => once(client, 'close'));
      expect(await gate.shutdown({ reason: 'bye' })).toEqual({ closed: 3, terminated: 0, unsentMessages: 0 });
      for (const [code, reason] of (await Promise.all(closes)) as [number, Buffer][]) {
        expect([code, reason.toString()]).toEqual([1001, 'bye']);
      }
      expect(await outcome(dial(port))).toBe('503 5');
      expect(gate.counters.shutdown).toBe(1);
      expect(gate.connections).toBe(0);
    });

    test('shutdown() spreads, and drops those that do not answer', async () => {
      const { gate, port } = await start();
      const { socket } = await connectRaw(port);
      const second = dial(port);
      expect(await outcome(second)).toBe('101');
      await until('both', () => gate.connections === 2);
      const result = await gate.shutdown({ timeout: 1500, spread: 200 });
      expect(result.closed + result.terminated).toBe(2);
      if (subject.closesAtOnce !== true) expect(result.terminated).toBe(1);
      socket.destroy();
    });

    test('metrics() counts connections, messages, refusals and ends', async () => {
      const { gate, port } = await start({ maxConnections: 1 });
      const client = dial(port);
      expect([await outcome(client), await outcome(dial(port))]).toEqual(['101', '503 5']);
      for (const message of ['hällo', Uint8Array.of(1, 2, 3), '']) {
        client.send(message);
        await once(client, 'message');
      }
      const { messagesIn, messagesOut, bytesIn, bytesOut, open, opened, refused, handshakeTime } = gate.metrics();
      expect({ messagesIn, messagesOut, bytesIn, bytesOut }).toEqual({
        messagesIn: 3,
        messagesOut: 3,
        bytesIn: 9,
        bytesOut: 9,
      });
      expect([open, opened, refused.maxConnections, handshakeTime.count]).toEqual([1, 1, 1, 1]);
      const { count } = gate.metrics().deliveryTime;
      client.send('once more');
      await once(client, 'message');
      await until('its time', () => gate.metrics().deliveryTime.count > count);
      client.close(4000);
      await until('its end', () => gate.metrics().open === 0);
      expect(gate.metrics().closeCodes).toEqual({ 4000: 1 });
      expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBeGreaterThanOrEqual(400);
      expect(gate.metrics().refused.request).toBeLessThanOrEqual(1);
    });

    test('maxConnections refuses with 503, and lets in when one has left', async () => {
      const { gate, port } = await start({ maxConnections: 1 });
      const first = dial(port);
      expect([await outcome(first), await outcome(dial(port))]).toEqual(['101', '503 5']);
      expect(gate.counters.maxConnections).toBe(1);
      first.close();
      await until('an end', () => gate.connections === 0);
      expect(await outcome(dial(port))).toBe('101');
    });

    test('a request that is refused for another reason gives its place back', async () => {
      const { gate, port } = await start({ maxConnections: 1 });
      for (let index = 0; index < 3; index++)
        expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBeGreaterThanOrEqual(400);
      expect(gate.counters.maxConnections).toBe(0);
      expect(await outcome(dial(port))).toBe('101');
    });

    test('limits by address know the client behind a proxy', async () => {
      const { gate, port, addresses } = await start({ maxConnectionsPerAddress: 1, handshakeRate: 100, trustProxy: 1 });
      const from = (address: string): Client => dial(port, { 'X-Forwarded-For': `6.6.6.6, ${address}` });
      expect(await outcome(from('203.0.113.7'))).toBe('101');
      expect(await outcome(from('203.0.113.7'))).toBe('429 5');
      expect(await outcome(from('2001:DB8::1'))).toBe('101');
      expect(gate.counters.maxConnectionsPerAddress).toBe(1);
      if (subject.hasAddresses !== false) expect(addresses).toEqual(['203.0.113.7', '2001:db8::1']);
    });

    test('handshakeRate refuses with 429', async () => {
      const { port } = await start({ handshakeRate: { count: 1, interval: 600_000 } });
      expect(await outcome(dial(port))).toBe('101');
      expect(await outcome(dial(port))).toMatch(/^429 (600|59\d)$/);
    });

    test('messageRate closes with 1008', async () => {
      const { gate, port } = await start({ messageRate: 3, ratePolicy: 'close' });
      const client = dial(port);
      const echoes: string[] = [];
      client.on('message', (data) => echoes.push((data as Buffer).toString()));
      expect(await outcome(client)).toBe('101');
      const closed = once(client, 'close');
      for (let index = 0; index < 10; index++) client.send(`${index}`);
      expect(subject.dropsBusyPeers === true ? [1006, 1008] : [1008]).toContain((await closed)[0]);
      expect(echoes.length).toBeLessThanOrEqual(3);
      expect(gate.counters.messageRate).toBe(1);
    });

    test(`messageRate with "pause" ${subject.cannotPause ? 'is a TypeError' : 'keeps the rate'}`, async () => {
      const { port, thrown } = await start({ messageRate: { count: 2, interval: 300 } });
      const client = dial(port);
      const result = await outcome(client);
      if (subject.cannotPause) {
        expect(result).toMatch(/^500/);
        expect(String(thrown[0])).toMatch(/TypeError: gate: .*ratePolicy: 'close'/);
        return;
      }
      const begin = performance.now();
      const echoes: string[] = [];
      client.on('message', (data) => echoes.push((data as Buffer).toString()));
      for (let index = 0; index < 4; index++) client.send(`${index}`);
      await until('the first two', () => echoes.length >= 2);
      await new Promise((resolve) => void setTimeout(resolve, 20));
      client.send('late');
      await until('all', () => echoes.length === 5);
      expect(performance.now() - begin).toBeGreaterThan(250);
      expect(echoes).toEqual(['0', '1', '2', '3', 'late']);
    });

    test('an object that is no gate, and limits beside it, are TypeErrors', async () => {
      const thrown: unknown[] = [];
      expect(await outcome(dial(await subject.serve({ gate: {} }, thrown, [])))).toMatch(/^500/);
      expect(String(thrown[0])).toMatch(/TypeError: gate/);
      expect(await outcome(dial(await subject.serve({ maxConnections: 5 }, thrown, [])))).toMatch(/^500/);
      expect(String(thrown[1])).toMatch(/TypeError: maxConnections: give it to a Gate/);
    });
  });
}
