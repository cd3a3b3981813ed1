// The server: mounting, broadcasts, keepalive, shutting down, sockets that are gone. The same as WebSocket-Node.

import { createServer, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { IServerConfig, WebSocketConnection, WebSocketRequest } from '../../../src/compat/websocket-node/index.ts';
import { frame, hex } from '../../support/frames.ts';
import { outcome } from '../../oracle/ws/oracle.ts';
import {
  listen,
  ours,
  rawPeer,
  record,
  requestOf,
  sameWithBoth,
  show,
  sleep,
  until,
  type Library,
  type Listening,
  type RawPeer,
} from './oracle.ts';

const SERVER_EVENTS = ['request', 'connect', 'close', 'upgradeError'];
const ZERO = { key: hex('00 00 00 00') };

/** A raw client that has sent its request. */
function ask(listening: Listening, headers: Record<string, string | undefined> = {}): RawPeer {
  const peer = rawPeer(connect(listening.port, '127.0.0.1'));
  peer.socket.write(requestOf(headers));
  return peer;
}

async function accepted(peer: RawPeer): Promise<void> {
  await until(() => peer.text().includes('\r\n\r\n'));
}

const upgrades = (http: Server): number => http.listenerCount('upgrade');
const configOf = (config: object): IServerConfig => config as IServerConfig;

const USES: Readonly<Record<string, (library: Library) => unknown>> = {
  'a server without a configuration': (library) => show(new library.server().connections),
  'a server without an HTTP server': (library) => new library.server(configOf({})),
  'mount without a configuration': (library) => new library.server().mount(undefined as never),
  'mount without an HTTP server': (library) => new library.server().mount(configOf({})),
  'closeAllConnections of none': (library) => new library.server().closeAllConnections(),
  'broadcast to none': (library) => new library.server().broadcast('x'),
  'the defaults': (library) => {
    const { httpServer, ...config } = new library.server({ httpServer: createServer() }).config!;
    return [(httpServer as unknown[]).length, config];
  },
  'what the defaults do not say': (library) => {
    const given = { httpServer: createServer(), keepalive: false, closeTimeout: 5, mine: 'x' };
    const { httpServer: _httpServer, ...config } = new library.server(given).config!;
    return config;
  },
  'mount and unmount': (library) => {
    const http = createServer();
    const server = new library.server({ httpServer: http });
    const log = [upgrades(http)];
    server.unmount();
    log.push(upgrades(http));
    server.mount({ httpServer: http });
    log.push(upgrades(http));
    server.shutDown();
    return [...log, upgrades(http)];
  },
  'mount on two servers': (library) => {
    const both = [createServer(), createServer()];
    const server = new library.server({ httpServer: both });
    const log = both.map(upgrades);
    server.unmount();
    return [...log, ...both.map(upgrades)];
  },
};

type Scene = (listening: Listening, log: unknown[]) => Promise<unknown>;
const SCENES: Readonly<Record<string, { config?: object; listens?: boolean; play: Scene }>> = {
  broadcasts: {
    config: { autoAcceptConnections: true },
    async play(listening) {
      const peers = [ask(listening), ask(listening)];
      await Promise.all(peers.map(accepted));
      await until(() => listening.server.connections.length === 2);
      listening.server.broadcast('text');
      listening.server.broadcast(Buffer.from('bytes'));
      listening.server.broadcast({ toString: () => 'made' });
      listening.server.broadcastUTF('utf');
      listening.server.broadcastBytes(Buffer.from('more'));
      await until(() => peers.every((peer) => peer.frames().endsWith('6d6f7265;')));
      return peers.map((peer) => peer.frames());
    },
  },
  'accepts by itself': {
    config: { autoAcceptConnections: true },
    async play(listening) {
      const peer = ask(listening, { 'Sec-WebSocket-Protocol': 'Foo, bar', Origin: 'http://o' });
      await accepted(peer);
      return [peer.text(), listening.server.connections[0].protocol];
    },
  },
  'refuses what nobody listens for': {
    async play(listening) {
      const peer = ask(listening);
      await until(() => peer.socket.readableEnded);
      return [peer.text(), listening.server.pendingRequests.length];
    },
  },
  'closes all connections': {
    config: { autoAcceptConnections: true },
    async play(listening) {
      const peer = ask(listening);
      await accepted(peer);
      peer.socket.on('data', () => void peer.socket.write(frame({ opcode: 8, payload: hex('03e8'), ...ZERO })));
      listening.server.closeAllConnections();
      await until(() => peer.socket.readableEnded && listening.server.connections.length === 0);
      return [peer.frames(), upgrades(listening.http)];
    },
  },
  'shuts down with a request that waits': {
    listens: true,
    async play(listening, log) {
      const peer = ask(listening);
      await until(() => listening.server.pendingRequests.length === 1);
      record(listening.server.pendingRequests[0], log, ['requestResolved', 'requestRejected']);
      listening.server.shutDown();
      await until(() => peer.socket.readableEnded);
      return [peer.text(), listening.server.pendingRequests.length, upgrades(listening.http)];
    },
  },
  'answers pages as before': {
    async play(listening) {
      const response = await fetch(`http://127.0.0.1:${listening.port}/`);
      return [response.status, await response.text()];
    },
  },
};

async function run(library: Library, name: string): Promise<unknown> {
  const { config, listens, play } = SCENES[name];
  const listening = await listen(library, config);
  const log = record(listening.server, [], listens ? SERVER_EVENTS : ['connect', 'close', 'upgradeError']);
  const result = await play(listening, log);
  const seen = [...log];
  listening.close();
  return { result, seen };
}

describe('server', () => {
  for (const [name, use] of Object.entries(USES)) test(`${name}`, () => sameWithBoth((library) => outcome(() => use(library))));
  for (const name of Object.keys(SCENES)) test(`${name}`, () => sameWithBoth((library) => run(library, name)));

  test.each(['destroy', 'end'] as const)('accepts a request whose socket is gone by %s', (how) =>
    sameWithBoth(async (library) => {
      const listening = await listen(library);
      const requests: WebSocketRequest[] = [];
      const log = record(listening.server, [], SERVER_EVENTS);
      listening.server.on('request', (request) => requests.push(request));
      const peer = ask(listening);
      await until(() => requests.length === 1);
      peer.socket[how]();
      await until(() => requests[0]._socketIsClosing);
      const connection = requests[0].accept(null, requests[0].origin);
      record(connection, log, ['close']);
      log.push([connection.state, connection.connected, listening.server.connections.length]);
      await until(() => connection.state === 'closed');
      log.push([connection.closeReasonCode, connection.closeDescription, listening.server.connections.length]);
      listening.close();
      return [...log];
    }),
  );

  test('rejects a request whose socket is gone', () =>
    sameWithBoth(async (library) => {
      const listening = await listen(library);
      const requests: WebSocketRequest[] = [];
      listening.server.on('request', (request) => requests.push(request));
      const peer = ask(listening);
      await until(() => requests.length === 1);
      peer.socket.destroy();
      await until(() => requests[0]._socketIsClosing);
      const log = record(requests[0], [], ['requestResolved', 'requestRejected']);
      requests[0].reject(404);
      await sleep(10);
      listening.close();
      return [...log, listening.server.pendingRequests.length];
    }));

  test('serves two HTTP servers', () =>
    sameWithBoth(async (library) => {
      const first = await listen(library);
      const second = await listen(library);
      first.server.unmount();
      second.server.unmount();
      const server = new library.server({ httpServer: [first.http, second.http], keepalive: false });
      server.on('request', (request) => void request.accept(null, request.origin));
      const peers = [ask(first), ask(second)];
      await Promise.all(peers.map(accepted));
      await until(() => server.connections.length === 2);
      first.close();
      second.close();
      return peers.map((peer) => peer.text());
    }));

  test('keeps messages that come with the request', async () => {
    const listening = await listen(ours);
    const log: unknown[] = [];
    listening.server.on('request', (request) => record(request.accept(null, request.origin), log, ['message']));
    const socket = connect(listening.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(Buffer.concat([Buffer.from(requestOf()), frame({ payload: 'early', ...ZERO })]));
    await until(() => log.length === 1);
    expect(log).toEqual([['message', { type: 'utf8', utf8Data: 'early' }]]);
    socket.destroy();
    listening.close();
  });
});

describe('server keepalive', () => {
  /** What a peer sees that answers Pings, or does not, within `milliseconds`. */
  async function watch(library: Library, config: object, answers: boolean, ends: boolean): Promise<unknown> {
    const listening = await listen(library, { keepalive: true, keepaliveInterval: 60, keepaliveGracePeriod: 60, ...config });
    const connections: WebSocketConnection[] = [];
    const log: unknown[] = [];
    listening.server.on('request', (request) => {
      const connection = request.accept(null, request.origin);
      connections.push(connection);
      record(connection, log, ['close']);
    });
    const peer = ask(listening);
    await accepted(peer);
    peer.socket.on('data', () => {
      if (answers) peer.socket.write(frame({ opcode: 10, ...ZERO }));
    });
    if (ends) await until(() => connections[0].state === 'closed');
    else await until(() => peer.frames().startsWith('89 ;89 ;'));
    const result = { state: connections[0].state, log: [...log], frames: peer.frames().slice(0, 5) };
    connections[0].drop();
    listening.close();
    return result;
  }

  test('drops who does not answer', () => sameWithBoth((library) => watch(library, {}, false, true)));
  test('keeps who answers', () => sameWithBoth((library) => watch(library, { keepaliveGracePeriod: 10_000 }, true, false)));
  test('keeps who does not answer, when told so', () =>
    sameWithBoth((library) => watch(library, { dropConnectionOnKeepaliveTimeout: false }, false, false)));

  test.each([
    [{ keepalive: true, useNativeKeepalive: true, keepaliveInterval: 1234 }, [[true, 1234]], [true]],
    [{ keepalive: false }, [], [true]],
    [{ disableNagleAlgorithm: false }, [], [false]],
  ])('sets the socket up as %j says', (config, keepAlive, noDelay) =>
    sameWithBoth(async (library) => {
      const listening = await listen(library, config);
      const calls: { keepAlive: unknown[]; noDelay: unknown[] } = { keepAlive: [], noDelay: [] };
      listening.http.on('connection', (socket: Socket) => {
        const { setKeepAlive, setNoDelay } = socket;
        socket.setKeepAlive = (...values) => (calls.keepAlive.push(values), setKeepAlive.apply(socket, values as never));
        socket.setNoDelay = (value) => (calls.noDelay.push(value), setNoDelay.call(socket, value));
      });
      listening.server.on('request', (request) => void request.accept(null, request.origin));
      const peer = ask(listening);
      await accepted(peer);
      peer.socket.destroy();
      listening.close();
      expect(calls.keepAlive).toEqual(keepAlive);
      expect(calls.noDelay.slice(-1)).toEqual(noDelay);
      return calls.keepAlive;
    }),
  );
});
