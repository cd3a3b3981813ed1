// The gate of upgrade() in Bun.serve.

import { once } from 'node:events';
import { afterAll, describe, expect, test } from 'vitest';
import { Gate, upgrade, WebSocket, websocket } from '../../../adapters/bun/index.ts';
import { Gate as W3CGate, upgrade as upgradeW3C } from '../../../adapters/bun/w3c.ts';
import type { BunServer } from '../../../adapters/bun/bun.ts';
import { describeGate } from '../../support/gate.ts';
import { until } from '../../support/sockets.ts';

type Running = BunServer & { readonly port: number; stop(closes: boolean): unknown };
const { serve } = (globalThis as unknown as { Bun: { serve(options: object): Running } }).Bun;
const running: Running[] = [];
afterAll(() => running.forEach((server) => void server.stop(true)));

function start(fetch: (request: Request, server: BunServer) => Response | undefined, thrown: unknown[]): number {
  const error = (one: unknown): Response => {
    thrown.push(one);
    return new Response(null, { status: 500 });
  };
  const server = serve({ port: 0, hostname: '127.0.0.1', fetch, websocket, error });
  running.push(server);
  return server.port;
}

describeGate('Bun, ws style', {
  WebSocket,
  Gate,
  cannotPause: false,
  closesAtOnce: true,
  serve: (options, thrown, addresses) =>
    start((request, server) => {
      const upgraded = upgrade(request, server, options);
      if (upgraded.socket !== null) {
        const { socket, clientAddress } = upgraded;
        addresses.push(clientAddress);
        socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
      }
      return upgraded.response;
    }, thrown),
});

describeGate('Bun, W3C style', {
  WebSocket,
  Gate: W3CGate,
  cannotPause: false,
  closesAtOnce: true,
  serve: (options, thrown, addresses) =>
    start((request, server) => {
      const upgraded = upgradeW3C(request, server, options);
      if (upgraded.socket !== null) {
        const { socket, clientAddress } = upgraded;
        addresses.push(clientAddress);
        socket.addEventListener('message', ({ data }) => socket.send(data as string));
      }
      return upgraded.response;
    }, thrown),
});

describe.each([
  ['ws', Gate, upgrade],
  ['W3C', W3CGate, upgradeW3C],
] as const)('%s style', (_style, GateClass, accept) => {
  test('counts no connection that the program closes before it opens', async () => {
    const gate = new GateClass({ maxConnections: 1 });
    const port = start((request, server) => {
      const { response, socket } = accept(request, server, { gate });
      if (socket !== null) {
        if ('on' in socket) socket.on('error', () => {});
        socket.close();
      }
      return response;
    }, []);
    for (let count = 0; count < 3; count++) {
      const client = new WebSocket(`ws://127.0.0.1:${port}/`);
      client.on('error', () => {});
      await once(client, 'close');
    }
    await until('the end', () => gate.connections === 0);
    expect(gate.counters.maxConnections).toBe(0);
    expect(gate.metrics().open).toBe(0);
    const { closed, terminated } = await gate.shutdown({ timeout: 100 });
    expect(closed + terminated).toBe(0);
  });
});
