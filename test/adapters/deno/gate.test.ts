// The gate of upgrade() in Deno.serve.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, describe, expect, test } from 'vitest';
import { Gate, upgrade, WebSocket } from '../../../adapters/deno/index.ts';
import { Gate as W3CGate, upgrade as upgradeW3C } from '../../../adapters/deno/w3c.ts';
import { gateCoreOf } from '../../../src/native/gated.ts';
import { describeGate } from '../../support/gate.ts';
import { requestHead, sleep, until } from '../../support/sockets.ts';

type Info = { readonly remoteAddr: { readonly hostname: string } };
type Handler = (request: Request, info: Info) => Response | Promise<Response>;
const { serve } = (
  globalThis as unknown as {
    Deno: { serve(options: object, handler: Handler): { readonly addr: { readonly port: number } } };
  }
).Deno;
const controller = new AbortController();
afterAll(() => controller.abort());

/** Requests that are neither a connection nor refused. */
function pendingOf(gate: InstanceType<typeof Gate>): number {
  return gateCoreOf(gate).pending;
}

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

describe('a client that resets its connection while the handler waits', () => {
  async function ask(port: number): Promise<Socket> {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.write(requestHead());
    return socket;
  }

  test('behind upgrade() keeps its place until handshakeTimeout, and no longer', async () => {
    const gate = new Gate({ maxConnections: 1 });
    let respond = (): void => {};
    const left = new Promise<void>((resolve) => (respond = resolve));
    const port = start(async (request) => {
      const { response, socket } = upgrade(request, { gate, handshakeTimeout: 1500 });
      socket?.on('error', () => {});
      await left;
      return response;
    }, []);
    const peer = await ask(port);
    await until('the request', () => pendingOf(gate) === 1);
    peer.resetAndDestroy();
    await once(peer, 'close');
    // Deno has no event for it: it has had the time to read the reset.
    await sleep(100);
    respond();
    await until('its place', () => pendingOf(gate) + gate.connections === 0);
  });

  test('before upgrade() is known by request.signal, if that was read before', async () => {
    let isAborted = false;
    const port = start(async ({ signal }) => {
      await until('the reset', () => signal.aborted);
      isAborted = true;
      return new Response(null, { status: 400 });
    }, []);
    const peer = await ask(port);
    // The request has been read: the handler waits.
    await sleep(50);
    peer.resetAndDestroy();
    await until('the signal', () => isAborted);
  });
});
