// The gate of upgrade() in Deno.serve.

import { afterAll, expect, test } from 'vitest';
import { Gate, upgrade, WebSocket } from '../../../adapters/deno/index.ts';
import { Gate as W3CGate, upgrade as upgradeW3C } from '../../../adapters/deno/w3c.ts';
import { describeGate } from '../../support/gate.ts';

type Info = { readonly remoteAddr: { readonly hostname: string } };
type Handler = (request: Request, info: Info) => Response;
const { serve } = (
  globalThis as unknown as {
    Deno: { serve(options: object, handler: Handler): { readonly addr: { readonly port: number } } };
  }
).Deno;
const controller = new AbortController();
afterAll(() => controller.abort());

function start(handler: Handler, thrown: unknown[]): number {
  const onError = (error: unknown): Response => {
    thrown.push(error);
    return new Response(null, { status: 500 });
  };
  return serve({ port: 0, hostname: '127.0.0.1', onListen() {}, signal: controller.signal, onError }, handler).addr.port;
}

describeGate('Deno, ws style', {
  WebSocket,
  Gate,
  cannotPause: true,
  dropsBusyPeers: true,
  serve: (options, thrown, addresses) =>
    start((request, info) => {
      const upgraded = upgrade(request, { remoteAddress: info.remoteAddr.hostname, ...options });
      if (upgraded.socket !== null) {
        const { socket, clientAddress } = upgraded;
        addresses.push(clientAddress);
        socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
      }
      return upgraded.response;
    }, thrown),
});

describeGate('Deno, W3C style', {
  WebSocket,
  Gate: W3CGate,
  cannotPause: true,
  dropsBusyPeers: true,
  serve: (options, thrown, addresses) =>
    start((request, info) => {
      const upgraded = upgradeW3C(request, { remoteAddress: info.remoteAddr.hostname, ...options });
      if (upgraded.socket !== null) {
        const { socket, clientAddress } = upgraded;
        addresses.push(clientAddress);
        socket.addEventListener('message', ({ data }) => socket.send(data as string));
      }
      return upgraded.response;
    }, thrown),
});

test('a gate that counts by address says where the address is', () => {
  const gate = new Gate({ maxConnectionsPerAddress: 5 });
  expect(() => upgrade(new Request('http://localhost/'), { gate })).toThrow(/remoteAddress: .*info\.remoteAddr\.hostname/);
});
