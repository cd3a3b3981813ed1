// The HTTP/1.1 server over sockets that node:net has accepted.

import { connect, createServer, Socket, type AddressInfo, type Server } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import type { Network } from '../../../../src/http1/network.ts';
import { StreamHttpServer, type HttpServerOptions } from '../../../../src/http1/ws/http-server.ts';
import type { HttpMessage } from '../../../../src/http1/ws/message.ts';
import { createSession } from '../../../../src/nodejs/session.ts';
import { platform } from '../../../../src/nodejs/platform.ts';
import { RecordingSink } from '../../../support/memory-pipe.ts';
import { requestHead } from '../../../support/sockets.ts';

const open: (StreamHttpServer | Socket)[] = [];

afterEach(() => {
  for (const one of open.splice(0)) {
    if (one instanceof Socket) one.destroy();
    else one.close();
  }
});

/** Accepts by node:net, as Deno's adapter does. */
const network: Network = {
  listen(plan, { onListening, onSocket, onError }) {
    const server: Server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => onSocket!(socket));
    server.on('error', onError);
    server.listen(plan.port, '127.0.0.1', () => onListening(server.address() as AddressInfo));
    const close = (onClosed: () => void): void => {
      server.close();
      onClosed();
    };
    return { close, ref() {} };
  },
  connect() {
    throw new Error('Only servers here');
  },
};

async function setUp(options: HttpServerOptions = {}) {
  const server = new StreamHttpServer(network, platform, options);
  open.push(server);
  server.listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const join = async (): Promise<{ peer: Socket; answer: () => Promise<string> }> => {
    const peer = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    open.push(peer);
    const pieces: Buffer[] = [];
    peer.on('data', (piece: Buffer) => pieces.push(piece));
    peer.on('error', () => {});
    const ended = once(peer, 'end');
    ended.catch(() => {});
    await once(peer, 'connect');
    return { peer, answer: () => ended.then(() => Buffer.concat(pieces).toString('latin1')) };
  };
  return { server, join };
}

type Upgrade = [request: HttpMessage, socket: Socket, head: Buffer];

describe('server over sockets of node:net', () => {
  test('server hands on the socket itself, paused, with the bytes behind the head', async () => {
    const { server, join } = await setUp();
    const { peer } = await join();
    const upgraded = once(server, 'upgrade') as Promise<Upgrade>;
    const text = requestHead();
    peer.write(text.slice(0, 20));
    setTimeout(() => peer.write(`${text.slice(20)}rest`), 10);
    const [request, socket, head] = await upgraded;
    expect(socket).toBeInstanceOf(Socket);
    expect(request.socket).toBe(socket);
    expect(head.toString()).toBe('rest');
    expect(socket.isPaused()).toBe(true);
    for (const event of ['data', 'error']) expect(socket.listenerCount(event)).toBe(0);
  });

  test('session over it reads the head, what came while it was being decided, and what comes later', async () => {
    const { server, join } = await setUp();
    const { peer } = await join();
    const upgraded = once(server, 'upgrade') as Promise<Upgrade>;
    const hello = Buffer.from('818537fa213d7f9f4d5158', 'hex');
    peer.write(Buffer.concat([Buffer.from(requestHead()), hello.subarray(0, 3)]));
    const [, socket, head] = await upgraded;
    peer.write(hello.subarray(3, 7));
    await new Promise((resolve) => setTimeout(resolve, 30));
    const session = createSession(socket, { role: 'server' });
    const sink = new RecordingSink();
    session.attach(sink);
    session.start(head);
    peer.write(hello.subarray(7));
    while (sink.of('text').length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(sink.of('text')).toEqual([['text', 'Hello']]);
    session.terminate();
  });

  test('server answers a request without an upgrade with 426, and reads on until the peer has ended', async () => {
    const { join, server } = await setUp();
    const { peer, answer } = await join();
    peer.write('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
    expect(await answer()).toMatch(/^HTTP\/1\.1 426 [^]*Upgrade Required$/);
    // Unread bytes would make a reset of the end.
    let hasFailed = false;
    peer.on('error', () => (hasFailed = true));
    peer.end('more that nobody wants');
    await once(peer, 'close');
    expect(hasFailed).toBe(false);
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });

  test('server refuses bytes that are no head with 400, an unfinished head with 400, and a slow one with 408', async () => {
    const { join } = await setUp({ headersTimeout: 1000 });
    const garbage = await join();
    garbage.peer.write('\0\r\n\r\n');
    expect(await garbage.answer()).toMatch(/^HTTP\/1\.1 400 /);
    const cut = await join();
    cut.peer.end('GET / HT');
    expect(await cut.answer()).toMatch(/^HTTP\/1\.1 400 /);
    const slow = await join();
    slow.peer.write('GET / HT');
    expect(await slow.answer()).toMatch(/^HTTP\/1\.1 408 /);
  });

  test('server that closes drops connections without a request, waits for the others, and says so once', async () => {
    const { join, server } = await setUp();
    const idle = await join();
    const { peer } = await join();
    const upgraded = once(server, 'upgrade') as Promise<Upgrade>;
    peer.write(requestHead());
    const [, socket] = await upgraded;
    let closed = 0;
    server.on('close', () => closed++);
    const gone = once(idle.peer, 'close');
    server.close();
    await idle.answer();
    idle.peer.end();
    await gone;
    expect(closed).toBe(0);
    socket.destroy();
    await once(server, 'close');
    expect(closed).toBe(1);
  });

  test('peer that resets before its request is complete does no harm', async () => {
    const { join, server } = await setUp();
    const { peer } = await join();
    peer.write('GET / HT');
    await new Promise((resolve) => setTimeout(resolve, 20));
    peer.resetAndDestroy();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
});
