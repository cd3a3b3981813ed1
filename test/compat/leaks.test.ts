// What the facades keep of connections that are over: nothing, however they ended. Hundreds of connections go through every ending; then
// each registry, each listener count and the number of live objects is what it was.

import { createServer, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Server as ClassicServer, type VerifyClientInfo } from '../../src/compat/classic/index.ts';
import { route, upgrade } from '../../src/compat/fibjs/index.ts';
import { WebSocketServer as JshServer } from '../../src/compat/jsh/index.ts';
import { WebSocketServer as NodeServer, type WebSocketRequest } from '../../src/compat/websocket-node/index.ts';
import { frame, hex } from '../support/frames.ts';
import { sleep } from '../support/sleep.ts';
import { listen, until } from '../support/sockets.ts';
import { requestOf } from '../oracle/ws/oracle.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const KEY = { key: hex('37 fa 21 3d') };
const CLOSE = frame({ opcode: 8, payload: hex('03 e8'), ...KEY });

/** How a client ends; it has sent a request to a path of its own before. */
interface Ending {
  readonly path?: string;
  /** Changes to the header fields of the request. */
  readonly fields?: Record<string, string | undefined>;
  /** Called once the answer is there, or at once for `isEarly`. */
  end(socket: Socket): void;
  readonly isEarly?: boolean;
}

const ENDINGS: Readonly<Record<string, Ending>> = {
  'closed by the client': { end: (socket) => socket.write(CLOSE) },
  'closed by the server': {
    end(socket) {
      socket.once('data', () => socket.write(CLOSE));
      socket.write(frame({ payload: 'close', ...KEY }));
    },
  },
  'TCP ended': { end: (socket) => socket.end() },
  reset: { end: (socket) => socket.resetAndDestroy() },
  'violated by a reserved opcode': { end: (socket) => socket.write(frame({ opcode: 5, ...KEY })) },
  'violated by text that is no UTF-8': { end: (socket) => socket.write(frame({ payload: hex('ff'), ...KEY })) },
  'violated by an unmasked frame': { end: (socket) => socket.write(frame({ payload: 'x' })) },
  'violated by garbage': { end: (socket) => socket.write('GET / HTTP/1.1\r\n\r\n') },
  'too long': { end: (socket) => socket.write(hex('82 ff 00 00 00 10 00 00 00 00 00 00 00 00')) },
  'cut in the midst of a message': {
    end(socket) {
      socket.write(frame({ fin: false, payload: 'half', ...KEY }));
      socket.resetAndDestroy();
    },
  },
  'refused for its version': { fields: { 'Sec-WebSocket-Version': '7' }, end: (socket) => socket.end() },
  'refused for its key': { fields: { 'Sec-WebSocket-Key': 'short' }, end: (socket) => socket.end() },
  'at no path': { path: '/nowhere', end: (socket) => socket.end() },
  'rejected by the program': { path: '/ws?reject', end: (socket) => socket.end() },
  'reset before the answer': { end: (socket) => socket.resetAndDestroy(), isEarly: true },
  'reset while the program thinks': {
    path: '/ws?think',
    end: (socket) => setImmediate(() => socket.resetAndDestroy()),
    isEarly: true,
  },
  'ended while the program thinks': { path: '/ws?think', end: (socket) => setImmediate(() => socket.end()), isEarly: true },
};

/** What a facade's server on an HTTP server keeps. */
interface Registry {
  /** Sizes of its sets and arrays, by name. */
  counts(): Record<string, number>;
}

/** Listens on `http`; `note` gets each object that a connection has. The program asks for nothing but what peers cause. */
type Facade = (http: Server, note: (connection: object) => void) => Registry;

const asks = (url: string | undefined, what: string): boolean => url?.endsWith(`?${what}`) ?? false;

const FACADES: Readonly<Record<string, Facade>> = {
  'WebSocket-Node'(http, note) {
    const servers = [
      new NodeServer({ httpServer: http, closeTimeout: 50 }),
      new NodeServer({ httpServer: http, closeTimeout: 50 }),
    ];
    const handle = async (request: WebSocketRequest): Promise<void> => {
      note(request);
      const { resource } = request;
      if (!resource.startsWith('/ws')) return request.reject(404);
      if (asks(resource, 'reject')) return request.reject();
      if (asks(resource, 'think')) await sleep(5);
      const connection = request.accept(null, request.origin);
      note(connection);
      connection.on('message', () => connection.close());
    };
    servers[0].on('request', (request) => void handle(request));
    // Takes nothing, and is asked all the same.
    servers[1].on('request', note);
    return {
      counts: () => ({
        connections: servers[0].connections.length + servers[1].connections.length,
        pendingRequests: servers[0].pendingRequests.length + servers[1].pendingRequests.length,
      }),
    };
  },
  'ws 0.4'(http, note) {
    const server = new ClassicServer({
      server: http,
      path: '/ws',
      closeTimeout: 50,
      async verifyClient({ req }: VerifyClientInfo) {
        note(req);
        if (asks(req.url, 'think')) await sleep(5);
        return !asks(req.url, 'reject');
      },
    });
    server.on('connection', (ws) => {
      note(ws);
      ws.on('message', () => ws.close());
      ws.removeAllListeners('close');
    });
    return { counts: () => ({ clients: server.clients.length }) };
  },
  JSH(http, note) {
    const server = new JshServer({
      server: http,
      path: '/ws',
      verifyClient({ req }) {
        note(req);
        return !asks(req.url, 'reject');
      },
    });
    server.on('connection', (ws) => {
      note(ws);
      ws.on('message', () => ws.close());
      ws.removeAllListeners('close');
    });
    return { counts: () => ({ clients: server.clients!.size }) };
  },
  fibjs(http, note) {
    const handler = upgrade((conn, request) => {
      note(conn);
      note(request);
      conn.onmessage = () => conn.close();
      if (asks(request.url, 'reject')) conn.close();
    });
    http.on('upgrade', route({ '/ws': handler }));
    return { counts: () => ({}) };
  },
};

/** Listeners of an emitter, by event. */
function listenersOf(emitter: NodeJS.EventEmitter): Record<string, number> {
  return Object.fromEntries(emitter.eventNames().map((event) => [String(event), emitter.listenerCount(event)]));
}

/** One client that goes through an ending. */
async function churn(port: number, { path = '/ws', fields = {}, end, isEarly = false }: Ending): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  const over = new Promise((resolve) => void socket.on('close', resolve));
  socket.on('error', () => {});
  socket.write(requestOf(fields, `GET ${path} HTTP/1.1`));
  if (isEarly) end(socket);
  else socket.once('data', () => end(socket));
  socket.resume();
  socket.on('end', () => socket.end());
  await over;
}

describe.each(Object.entries(FACADES))('%s', (_name, make) => {
  test('keeps nothing of connections that are over, however they ended, and goes on', async () => {
    const http = createServer((_request, response) => void response.end());
    const port = await listen(http);
    onTestFinished(() => http.close().closeAllConnections());
    const sockets = new Set<Socket>();
    http.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    });
    const uncaught: unknown[] = [];
    const hear = (error: unknown): void => void uncaught.push(error);
    process.on('uncaughtExceptionMonitor', hear);
    onTestFinished(() => void process.off('uncaughtExceptionMonitor', hear));

    const noted: WeakRef<object>[] = [];
    const { counts } = make(http, (connection) => noted.push(new WeakRef(connection)));
    const before = { counts: counts(), http: listenersOf(http), process: listenersOf(process) };
    for (let round = 0; round < 20; round++) {
      await Promise.all(Object.values(ENDINGS).map((ending) => churn(port, ending)));
    }
    await until('all sockets closed', () => sockets.size === 0);
    await until('all registries empty', () => Object.values(counts()).every((count) => count === 0));
    expect({ counts: counts(), http: listenersOf(http), process: listenersOf(process) }).toEqual(before);
    expect(uncaught).toEqual([]);
    // A few objects are still on some stack.
    expect(noted.length).toBeGreaterThan(100);
    await until('all collected', () => {
      collect();
      return noted.filter((ref) => ref.deref() !== undefined).length <= 5;
    });
  });

  test('keeps no closed connection of a program that keeps the requests', async () => {
    const http = createServer();
    const port = await listen(http);
    onTestFinished(() => http.close().closeAllConnections());
    const requests: object[] = [];
    http.on('upgrade', (request) => requests.push(request));
    const noted: WeakRef<object>[] = [];
    make(http, (connection) => {
      if (!requests.includes(connection)) noted.push(new WeakRef(connection));
    });
    for (let round = 0; round < 5; round++) {
      await Promise.all([...'12345678'].map(() => churn(port, ENDINGS['closed by the client'])));
    }
    expect(requests).toHaveLength(40);
    await until('all collected', () => {
      collect();
      return noted.filter((ref) => ref.deref() !== undefined).length <= 5;
    });
  });
});
