// Runs one short program against WebSocket-Node and against the facade and compares what it saw: events, arguments, order, bytes.

import { EventEmitter, once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import oracle from 'websocket';
import { expect } from 'vitest';
import facade, {
  type IClientConfig,
  type IServerConfig,
  type WebSocketClient,
  type WebSocketConnection,
  type WebSocketRequest,
  type WebSocketServer,
} from '../../../src/compat/websocket-node/index.ts';
import { acceptKey } from '../../../src/handshake/accept-key.ts';
import { errorOf, rawServer, requestOf, sleep, until } from '../../oracle/ws/oracle.ts';

export type Library = typeof facade;
export const ours: Library = facade;
export const theirs: Library = oracle as unknown as Library;

/** Which library plays which side. */
export interface Sides {
  readonly client: Library;
  readonly server: Library;
}

/** Checks that a program that uses one library sees the same with both. */
export async function sameWithBoth(program: (library: Library) => unknown): Promise<void> {
  const [expected, actual] = await Promise.all([program(theirs), program(ours)]);
  expect(actual).toEqual(expected);
}

/** Checks that a program with both sides sees the same, whichever library plays which. */
export async function sameOnAllSides(program: (sides: Sides) => unknown): Promise<void> {
  const all: Sides[] = [
    { client: theirs, server: theirs },
    { client: ours, server: theirs },
    { client: theirs, server: ours },
    { client: ours, server: ours },
  ];
  const [expected, ...actual] = await Promise.all(all.map((sides) => program(sides)));
  expect(actual).toEqual([expected, expected, expected]);
}

/** Values as they can be compared. */
export function show(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return `Buffer ${value.toString('latin1')}`;
  if (value instanceof ArrayBuffer) return `ArrayBuffer ${Buffer.from(value).toString('latin1')}`;
  if (value instanceof Error) return errorOf(value);
  if (Array.isArray(value)) return value.map(show);
  if (typeof value === 'function') return 'function';
  if (typeof value !== 'object' || value === null) return value;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value.constructor.name;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, show(member)]));
}

const EVENTS = ['message', 'frame', 'ping', 'pong', 'close', 'error', 'drain', 'pause', 'resume'];
const QUIET = new Set(['ping', 'error']);

/** Writes down the events of an emitter. With 'ping' and 'error' only on demand: to listen changes what happens. */
export function record(emitter: EventEmitter, log: unknown[] = [], events: readonly string[] = EVENTS): unknown[] {
  for (const event of events) {
    if (events === EVENTS && QUIET.has(event)) continue;
    emitter.on(event, (...values: unknown[]) => log.push([event, ...values.map(show)]));
  }
  return log;
}

export interface Listening {
  readonly http: Server;
  readonly server: WebSocketServer;
  readonly port: number;
  readonly url: string;
  close(): void;
}

/** A server of `library` on a port of its own. */
export async function listen(library: Library, config: Partial<IServerConfig> = {}): Promise<Listening> {
  const sockets = new Set<Socket>();
  const http = createServer((_request, response) => void response.writeHead(404).end('no page'));
  http.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const server = new library.server({ httpServer: http, keepalive: false, closeTimeout: 100, ...config });
  const { port } = http.address() as AddressInfo;
  return {
    http,
    server,
    port,
    url: `ws://127.0.0.1:${port}/`,
    close() {
      http.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Frames as they would be without their masks, as hex. */
export function unmasked(bytes: Buffer): string {
  let result = '';
  for (let at = 0; at + 1 < bytes.length;) {
    const isMasked = (bytes[at + 1] & 0x80) !== 0;
    const short = bytes[at + 1] & 0x7f;
    const wide = short === 126 ? 2 : short === 127 ? 8 : 0;
    const length = wide === 0 ? short : bytes.readUIntBE(at + 2 + (wide === 8 ? 2 : 0), wide === 8 ? 6 : 2);
    const key = at + 2 + wide;
    const start = isMasked ? key + 4 : key;
    const payload = bytes.subarray(start, start + length);
    const plain = isMasked ? payload.map((byte, index) => byte ^ bytes[key + (index % 4)]) : payload;
    result += `${bytes[at].toString(16).padStart(2, '0')} ${isMasked ? 'masked ' : ''}${Buffer.from(plain).toString('hex')};`;
    at = start + length;
  }
  return result;
}

/** A raw client: what it receives is kept. */
export interface RawPeer {
  readonly socket: Socket;
  /** The frames that came behind the head of the handshake: first byte and payload. */
  frames(): string;
  /** All that came, as text. */
  text(): string;
}

export function rawPeer(socket: Socket): RawPeer {
  const chunks: Buffer[] = [];
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  const text = (): string => Buffer.concat(chunks).toString('latin1');
  return {
    socket,
    text,
    frames() {
      const all = text();
      const head = all.startsWith('HTTP/') ? all.indexOf('\r\n\r\n') + 4 : 0;
      return unmasked(Buffer.from(all.slice(head), 'latin1'));
    },
  };
}

export interface RawPair {
  readonly connection: WebSocketConnection;
  readonly peer: RawPeer;
  close(): void;
}

/** A connection of `library` whose peer is a raw socket. */
export async function withRawPeer(library: Library, role: 'client' | 'server', config: object = {}): Promise<RawPair> {
  if (role === 'server') {
    const listening = await listen(library, config);
    const accepted = new Promise<WebSocketConnection>((resolve) => {
      listening.server.on('request', (request) => resolve(request.accept(null, request.origin)));
    });
    const peer = rawPeer(connect(listening.port, '127.0.0.1'));
    peer.socket.write(requestOf());
    const connection = await accepted;
    return { connection, peer, close: () => (peer.socket.destroy(), listening.close()) };
  }
  let peer!: RawPeer;
  const server = await rawServer((socket, head) => {
    peer = rawPeer(socket);
    const key = /^sec-websocket-key: (.*)$/im.exec(head)![1].trim();
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptKey(key)}\r\n\r\n`,
    );
  });
  const client = new library.client({ closeTimeout: 100, ...config });
  const connected = once(client, 'connect') as Promise<[WebSocketConnection]>;
  client.connect(`ws://127.0.0.1:${server.port}/`);
  const [connection] = await connected;
  return { connection, peer, close: () => server.close() };
}

export interface Pair {
  readonly client: WebSocketConnection;
  readonly server: WebSocketConnection;
  readonly clientLog: unknown[];
  readonly serverLog: unknown[];
  /** Waits until both have closed, gives both logs. */
  end(): Promise<{ client: unknown[]; server: unknown[] }>;
}

/** Opens a connection between the two libraries. */
export async function open(
  sides: Sides,
  clientConfig: IClientConfig = {},
  serverConfig: Partial<IServerConfig> = {},
): Promise<Pair> {
  // Both answer: the time of WebSocket-Node's closing handshake is only over when a busy machine stands still.
  const closeTimeout = 30_000;
  const listening = await listen(sides.server, { closeTimeout, ...serverConfig });
  const serverLog: unknown[] = [];
  const accepted = new Promise<WebSocketConnection>((resolve) => {
    listening.server.on('request', (request: WebSocketRequest) => {
      const connection = request.accept(request.requestedProtocols[0] ?? null, request.origin);
      record(connection, serverLog);
      resolve(connection);
    });
  });
  const client: WebSocketClient = new sides.client.client({ closeTimeout, ...clientConfig });
  const clientLog: unknown[] = [];
  const connected = new Promise<WebSocketConnection>((resolve, reject) => {
    client.on('connectFailed', reject);
    client.on('connect', (connection) => {
      record(connection, clientLog);
      resolve(connection);
    });
  });
  client.connect(listening.url);
  const [clientSide, serverSide] = await Promise.all([connected, accepted]);
  return {
    client: clientSide,
    server: serverSide,
    clientLog,
    serverLog,
    async end() {
      // WebSocket-Node's state is closed before it tells.
      await until(() => [clientLog, serverLog].every((log) => log.some((entry) => (entry as unknown[])[0] === 'close')));
      listening.close();
      return { client: clientLog, server: serverLog };
    },
  };
}

export { errorOf, requestOf, sleep, until };
