// Several WebSocketServers on one HTTP server: what each of them keeps, and who answers.

import { connect, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { WebSocketConnection, WebSocketRequest } from '../../../src/compat/websocket-node/index.ts';
import { frame, hex } from '../../support/frames.ts';
import { listen, ours, rawPeer, requestOf, sameWithBoth, sleep, until, type Listening, type RawPeer } from './oracle.ts';

const SWITCHING = 'HTTP/1.1 101';

function ask({ port }: Listening, path: string, headers: Record<string, string | undefined> = {}): RawPeer {
  const peer = rawPeer(connect(port, '127.0.0.1'));
  peer.socket.write(requestOf(headers, `GET ${path} HTTP/1.1`));
  return peer;
}

describe('two servers on one HTTP server', () => {
  test('keep no request that the other one accepted, once the connection is over', () =>
    sameWithBoth(async (library) => {
      const listening = await listen(library);
      const { server: first } = listening;
      const second = new library.server({ httpServer: listening.http, keepalive: false });
      const seen: string[] = [];
      for (const [server, path] of [
        [first, '/first'],
        [second, '/second'],
      ] as const) {
        server.on('request', (request) => {
          seen.push(`${path} ${request.resource}`);
          if (request.resource === path) request.accept(null, request.origin);
        });
      }
      for (const path of ['/first', '/second']) {
        const peer = ask(listening, path);
        await until(() => peer.text().startsWith(SWITCHING));
        peer.socket.destroy();
      }
      await until(() => first.connections.length + second.connections.length === 0);
      await until(() => first.pendingRequests.length + second.pendingRequests.length === 0);
      listening.close();
      return seen;
    }));

  test.each(['end', 'destroy', 'resetAndDestroy'] as const)(
    'keep no request whose client left by %s before the answer',
    async (how) => {
      const listening = await listen(ours);
      const sockets: Socket[] = [];
      listening.server.on('request', ({ socket }) => sockets.push(socket));
      const peer = ask(listening, '/');
      await until(() => listening.server.pendingRequests.length === 1);
      peer.socket[how]();
      await until(() => listening.server.pendingRequests.length === 0 && sockets[0].destroyed);
      listening.close();
    },
  );

  test('let go of a request as soon as the other one has answered', async () => {
    const listening = await listen(ours);
    const second = new ours.server({ httpServer: listening.http, keepalive: false });
    const requests: WebSocketRequest[] = [];
    for (const server of [listening.server, second]) server.on('request', (request) => requests.push(request));
    const peer = ask(listening, '/');
    await until(() => requests.length === 2);
    const { socket } = requests[0];
    const connection = requests[1].accept(null, null);
    expect([listening.server.pendingRequests.length, second.pendingRequests.length]).toEqual([0, 0]);
    expect(() => requests[0].accept(null, null)).toThrow('has accepted the request');
    // A late rejection, such as that of `closeAllConnections`, must not write into the other server's connection.
    requests[0].reject(503);
    connection.sendUTF('whole');
    await until(() => peer.frames() !== '');
    expect(peer.frames()).toBe(`81 ${Buffer.from('whole').toString('hex')};`);
    expect(connection.connected).toBe(true);
    peer.socket.destroy();
    await until(() => socket.destroyed);
    listening.close();
  });

  test('leave a connection alone whose client ends its side, if the other one has accepted at once', async () => {
    const listening = await listen(ours);
    const second = new ours.server({ httpServer: listening.http, keepalive: false });
    listening.server.on('request', (request) => {
      const connection = request.accept(null, null);
      connection.on('message', () => connection.sendUTF('answer'));
    });
    second.on('request', () => {});
    const peer = rawPeer(connect({ port: listening.port, host: '127.0.0.1', allowHalfOpen: true }));
    peer.socket.write(requestOf());
    await until(() => peer.text().startsWith(SWITCHING));
    expect(second.pendingRequests).toEqual([]);
    peer.socket.end(frame({ payload: 'last', key: hex('00 00 00 00') }));
    await until(() => peer.socket.readableEnded);
    expect(peer.frames()).toBe(`81 ${Buffer.from('answer').toString('hex')};`);
    peer.socket.destroy();
    listening.close();
  });

  test('answer a malformed request once, and report it to both', async () => {
    const listening = await listen(ours);
    const second = new ours.server({ httpServer: listening.http });
    const errors: string[] = [];
    for (const server of [listening.server, second]) server.on('upgradeError', ({ message }) => errors.push(message));
    const peer = ask(listening, '/', { 'Sec-WebSocket-Version': '7' });
    await until(() => peer.socket.destroyed);
    expect(errors).toHaveLength(2);
    expect(peer.text().match(/HTTP\/1\.1/g)).toEqual(['HTTP/1.1']);
    listening.close();
  });

  test('let an accepted connection be, if the other one has no listener', async () => {
    const listening = await listen(ours);
    const second = new ours.server({ httpServer: listening.http });
    const connections: WebSocketConnection[] = [];
    listening.server.on('request', (request) => connections.push(request.accept(null, null)));
    const peer = ask(listening, '/');
    await until(() => peer.text().startsWith(SWITCHING));
    await sleep(20);
    expect(peer.frames()).toBe('');
    expect(connections[0].connected).toBe(true);
    expect(second.pendingRequests).toEqual([]);
    peer.socket.destroy();
    listening.close();
  });

  test('drop a connection that is accepted after the other one has rejected it', async () => {
    const listening = await listen(ours);
    const second = new ours.server({ httpServer: listening.http, keepalive: false });
    const closes: unknown[] = [];
    listening.server.on('request', (request) => request.reject(404));
    second.on('request', (request) => request.accept(null, null).on('close', (code) => closes.push(code)));
    const peer = ask(listening, '/');
    await until(() => closes.length === 1);
    expect(closes).toEqual([1006]);
    expect(peer.text()).not.toContain(SWITCHING);
    expect(second.connections).toEqual([]);
    listening.close();
  });
});

describe('a client that asks for what the program does not offer', () => {
  const LISTENERS: Readonly<Record<string, (request: WebSocketRequest) => unknown>> = {
    'a listener': (request) => void request.accept('chat', request.origin),
    'an async listener': async (request) => {
      await sleep(1);
      request.accept('chat', request.origin);
    },
  };

  test.each(Object.entries(LISTENERS))("is an 'upgradeError' of %s, and the server goes on", async (_name, listener) => {
    const listening = await listen(ours);
    const errors: string[] = [];
    listening.server.on('upgradeError', ({ message }) => errors.push(message));
    listening.server.on('request', listener as never);
    const peer = ask(listening, '/');
    await until(() => peer.socket.destroyed);
    expect(peer.text()).toMatch(/^HTTP\/1\.1 500 /);
    await until(() => errors.length > 0);
    expect(errors).toEqual(['Specified protocol was not requested by the client.']);
    const other = ask(listening, '/', { 'Sec-WebSocket-Protocol': 'chat' });
    await until(() => other.text().startsWith(SWITCHING));
    other.socket.destroy();
    listening.close();
  });

  test('is caught by the router as well', async () => {
    const listening = await listen(ours);
    const router = new ours.router({ server: listening.server });
    const errors: unknown[] = [];
    listening.server.on('upgradeError', (error) => errors.push(error));
    router.mount('/', null, async ({ webSocketRequest }) => {
      await sleep(1);
      webSocketRequest.accept('chat', null);
    });
    const peer = ask(listening, '/');
    await until(() => peer.socket.destroyed && errors.length === 1);
    listening.close();
  });

  test("leaves a program's own exceptions as they are", async () => {
    const listening = await listen(ours);
    const mine = new Error('mine');
    const rejections: unknown[] = [];
    const hear = (error: unknown): void => void rejections.push(error);
    const others = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection').on('unhandledRejection', hear);
    const listener: (request: WebSocketRequest) => unknown = async () => {
      await sleep(1);
      throw mine;
    };
    listening.server.on('request', listener as never);
    const peer = ask(listening, '/');
    await until(() => rejections.length === 1);
    process.off('unhandledRejection', hear);
    for (const other of others) process.on('unhandledRejection', other);
    expect(rejections).toEqual([mine]);
    peer.socket.destroy();
    listening.close();
  });
});
