// Programs written against the types of ws compile against ours: tsc checks each against both.

import { describe, expect, test } from 'vitest';
import { compile as compileWith, MODES, type Compiler, type Module } from '../../support/compile.ts';

const PROGRAMS: Readonly<Record<string, string>> = {
  imports: `
    import WebSocket, { WebSocketServer, createWebSocketStream, WebSocket as Named } from 'ws';
    import type { AddressInfo, CertMeta, ClientOptions, CloseEvent, Data, ErrorEvent, Event, EventListenerOptions } from 'ws';
    import type { FinishRequestCallback, MessageEvent, PerMessageDeflateOptions, RawData, Server, ServerOptions } from 'ws';
    import type { VerifyClientCallbackAsync, VerifyClientCallbackSync } from 'ws';
    export type All = [AddressInfo, CertMeta, ClientOptions, CloseEvent, Data, ErrorEvent, Event, EventListenerOptions,
      FinishRequestCallback, MessageEvent, PerMessageDeflateOptions, RawData, Server, ServerOptions,
      VerifyClientCallbackAsync, VerifyClientCallbackSync];
    const same: typeof WebSocket = Named;
    console.log(same, WebSocketServer, createWebSocketStream);`,
  namespace: `
    import WebSocket from 'ws';
    export type All = [WebSocket.AddressInfo, WebSocket.CertMeta, WebSocket.ClientOptions, WebSocket.CloseEvent, WebSocket.Data,
      WebSocket.ErrorEvent, WebSocket.Event, WebSocket.EventListenerOptions, WebSocket.FinishRequestCallback, WebSocket.MessageEvent,
      WebSocket.PerMessageDeflateOptions, WebSocket.RawData, WebSocket.ServerOptions, WebSocket.VerifyClientCallbackAsync,
      WebSocket.VerifyClientCallbackSync, WebSocket.WebSocketEventMap];
    const data: WebSocket.RawData = Buffer.alloc(1);
    function text(message: WebSocket.RawData): string {
      if (Array.isArray(message)) return Buffer.concat(message).toString();
      if (message instanceof ArrayBuffer) return Buffer.from(message).toString();
      return message.toString('utf8');
    }
    console.log(text(data));`,
  client: `
    import WebSocket from 'ws';
    import { once } from 'node:events';
    const ws = new WebSocket('ws://localhost', ['a', 'b'], { headers: { a: 'b' }, handshakeTimeout: 5, perMessageDeflate: { threshold: 1 } });
    new WebSocket(new URL('ws://localhost'));
    new WebSocket('ws://localhost', 'chat');
    new WebSocket('ws://localhost', { origin: 'x', followRedirects: true, agent: undefined, rejectUnauthorized: false, ca: 'x' });
    new WebSocket('ws://localhost', { headers: { list: ['1', '2'] } });
    new WebSocket('ws://localhost', { generateMask(mask) { mask.fill(0); }, finishRequest(request, socket) { request.end(); socket.close(); } });
    new WebSocket(null);
    ws.on('open', function open() { this.send('x'); ws.send(Buffer.alloc(1)); });
    ws.on('message', (data: WebSocket.RawData, isBinary: boolean) => console.log(data.toString(), isBinary));
    ws.on('message', (data) => console.log(String(data)));
    ws.on('message', function incoming(message) { console.log(this.url, message.toString()); });
    ws.on('close', (code, reason) => console.log(code.toFixed(), reason.toString('hex')));
    ws.on('error', (error) => console.log(error.message));
    ws.on('error', console.error);
    ws.once('ping', (data) => console.log(data.length)).off('pong', (data: Buffer) => data.length).addListener('open', () => {});
    ws.on('ping', heartbeat).on('custom', (value) => value.anything.at.all).removeListener('x', () => {});
    ws.on('unexpected-response', (request, response) => console.log(request.path, response.statusCode));
    ws.on('redirect', (url, request) => request.setHeader('a', url)).on('upgrade', (response) => response.headers);
    function heartbeat(this: WebSocket) { this.pong(); }
    ws.send('a', (error) => console.log(error?.message));
    ws.send('a', (error?: Error) => console.log(error));
    ws.send(new Uint8Array(1), { binary: true, compress: false, fin: true, mask: true }, (error) => { if (error) throw error; });
    ws.send([1, 2, 3]); ws.send(5); ws.send(new DataView(new ArrayBuffer(1))); ws.send(new Blob([]));
    ws.ping('x', true, (error: Error) => console.log(error)); ws.pong(); ws.ping(undefined, false, () => {});
    ws.close(1000, 'x'); ws.close(1000, Buffer.alloc(1)); ws.terminate(); ws.pause(); ws.resume();
    const state: 0 | 1 | 2 | 3 = ws.readyState;
    const open: 1 = WebSocket.OPEN; const closing: 2 = ws.CLOSING;
    if (ws.readyState === WebSocket.OPEN || ws.readyState === ws.CONNECTING) console.log(state, open, closing);
    const type: 'nodebuffer' | 'arraybuffer' | 'fragments' = ws.binaryType;
    ws.binaryType = 'arraybuffer';
    const url: string = ws.url; const amount: number = ws.bufferedAmount;
    console.log(type, url, amount, ws.protocol.length, ws.extensions.length, ws.isPaused, once(ws, 'open'));`,
  target: `
    import WebSocket from 'ws';
    import type { CloseEvent, ErrorEvent, Event, MessageEvent } from 'ws';
    const ws = new WebSocket('ws://localhost');
    ws.onopen = () => {}; ws.onopen = null;
    ws.onmessage = (event) => { const data: WebSocket.Data = event.data; console.log(data, event.type, event.target.url); };
    ws.onmessage = (event: MessageEvent) => console.log(event.data.toString());
    ws.onclose = ({ code, reason, wasClean }) => console.log(code, reason.length, wasClean);
    ws.onerror = (event: ErrorEvent) => console.log(event.error.code, event.message);
    ws.addEventListener('message', ({ data, target }) => console.log(data, target.readyState), { once: true });
    ws.addEventListener('close', { handleEvent(event: CloseEvent) { console.log(event.code); } });
    const listener = (event: Event) => console.log(event.type);
    ws.addEventListener('open', listener); ws.removeEventListener('open', listener);
    const made: CloseEvent = { code: 1, reason: '', wasClean: true, type: 'close', target: ws };
    console.log(made);`,
  server: `
    import { WebSocketServer, WebSocket } from 'ws';
    import type { ServerOptions, VerifyClientCallbackAsync, VerifyClientCallbackSync, AddressInfo } from 'ws';
    import { createServer, type IncomingMessage } from 'node:http';
    import { createServer as createTlsServer } from 'node:https';
    import type { Duplex } from 'node:stream';
    const server: WebSocketServer = new WebSocketServer({ port: 8080, perMessageDeflate: { zlibDeflateOptions: { level: 3 }, threshold: 10 } }, () => {});
    new WebSocketServer({ server: createServer() }); new WebSocketServer({ server: createTlsServer() });
    new WebSocketServer({ noServer: true, clientTracking: false, maxPayload: 5, path: '/x', backlog: 3, host: 'h' });
    const sync: VerifyClientCallbackSync = ({ origin, secure, req }) => origin === 'x' && secure && req.url === '/';
    const async_: VerifyClientCallbackAsync = (info, callback) => callback(false, 401, info.origin, { a: 'b' });
    const options: ServerOptions = { noServer: true };
    options.verifyClient = sync; options.verifyClient = async_;
    options.handleProtocols = (protocols, request) => (protocols.has('x') && request.url ? 'x' : false);
    new WebSocketServer(options);
    new WebSocketServer({ noServer: true, verifyClient: (info, callback) => callback(true), handleProtocols: (protocols) => [...protocols][0] });
    server.on('connection', (ws, request) => { ws.send(request.url ?? ''); ws.on('message', (data) => ws.send(data as Buffer)); });
    server.on('connection', function connection(ws: WebSocket, request: IncomingMessage) { console.log(this.clients.size, ws, request); });
    server.on('headers', (headers, request) => { headers.push(request.url!); });
    server.on('wsClientError', (error, socket, request) => { socket.end(error.message + request.url); });
    server.on('listening', () => {}).once('close', () => {}).on('error', (error) => error.message).off('custom', () => {});
    server.clients.forEach((client) => { if (client.readyState === WebSocket.OPEN) client.send('x'); });
    const clients: Set<WebSocket> = server.clients;
    for (const client of clients) client.terminate();
    server.handleUpgrade({} as IncomingMessage, {} as Duplex, Buffer.alloc(0), (ws, request) => server.emit('connection', ws, request));
    const address = server.address() as AddressInfo; const may: boolean | Promise<boolean> = server.shouldHandle({} as IncomingMessage);
    server.close(); server.close((error) => console.log(error?.message)); server.close((error?: Error) => console.log(error));
    console.log(address.port, may, server.options.port, server.path);`,
  subclasses: `
    import { WebSocketServer, WebSocket, type Server, type ServerOptions } from 'ws';
    import { IncomingMessage } from 'node:http';
    class Mine extends WebSocket { marker = 1; override terminate(): void { super.terminate(); } }
    class Request extends IncomingMessage { user?: string; }
    const server = new WebSocketServer<typeof Mine, typeof Request>({ noServer: true, WebSocket: Mine });
    server.on('connection', (ws, request) => console.log(ws.marker, request.user));
    const marker: Set<Mine> = server.clients;
    const typed: Server<typeof Mine> = new WebSocketServer({ noServer: true, WebSocket: Mine });
    class Hub extends WebSocketServer { constructor(options: ServerOptions) { super(options); } override shouldHandle(): boolean { return true; } }
    interface Alive extends WebSocket { isAlive: boolean }
    const alive = new Hub({ noServer: true }).clients as Set<Alive>;
    const plain: WebSocket = new Mine('ws://localhost');
    console.log(marker, typed, alive, plain);`,
  stream: `
    import WebSocket, { createWebSocketStream } from 'ws';
    const duplex = createWebSocketStream(new WebSocket('ws://localhost'), { encoding: 'utf8', allowHalfOpen: false });
    duplex.pipe(process.stdout); process.stdin.pipe(duplex); duplex.on('error', console.error);`,
  wrapper: `
    import WebSocket from 'ws';
    import { EventEmitter } from 'node:events';
    const sockets = new Map<string, WebSocket>();
    export function wrap(ws: WebSocket, options: WebSocket.ClientOptions = {}): EventEmitter {
      sockets.set('x', ws);
      options.headers = { ...options.headers, a: 'b' };
      const names: (keyof WebSocket.WebSocketEventMap)[] = ['open', 'close'];
      for (const name of names) ws.addEventListener(name, (event) => console.log(event.type));
      return ws;
    }
    export type Data = Parameters<WebSocket['send']>[0];
    export const data: Data = 'x';
    export interface Holder { socket: WebSocket | null; data: WebSocket.Data; options: ConstructorParameters<typeof WebSocket>[2] }
    export const make = (Class: typeof WebSocket = WebSocket) => new Class('ws://localhost', undefined, { maxPayload: 1 });`,
};

/** What only types made for require() have; ours has it everywhere. */
const STATICS = `
  import WebSocket from 'ws';
  const server = new WebSocket.Server({ port: 1 });
  const other = new WebSocket.WebSocketServer({ noServer: true });
  class Mine extends WebSocket.Server {}
  const typed: WebSocket.Server = server;
  server.on('connection', (ws) => ws.send('x'));
  const ws = new WebSocket.WebSocket('ws://localhost');
  WebSocket.createWebSocketStream(ws).end();
  console.log(other, Mine, typed.clients.size);`;

/** Programs in CommonJS, as their types for require() allow. */
const COMMONJS: Readonly<Record<string, string>> = {
  'namespace.cts': `
    import * as wslib from 'ws';
    const ws: wslib.WebSocket = new wslib.WebSocket('ws://x');
    const typed: wslib.Server<typeof wslib.WebSocket> = new wslib.WebSocketServer({ noServer: true });
    const server: wslib.WebSocketServer = typed;
    ws.on('message', (data: wslib.RawData) => console.log(data));
    server.on('connection', (socket: wslib.WebSocket, request) => socket.send(request.url ?? ''));
    wslib.createWebSocketStream(ws);`,
  'equals.cts': `
    import WebSocket = require('ws');
    const ws: WebSocket = new WebSocket('ws://x');
    const other: WebSocket.WebSocket = ws;
    class Mine extends WebSocket { mine = 1 }
    const server: WebSocket.Server<typeof Mine> = new WebSocket.Server({ noServer: true, WebSocket: Mine });
    server.on('connection', (socket) => socket.mine.toFixed());
    const options: WebSocket.ServerOptions = {};
    const second: WebSocket.WebSocketServer = new WebSocket.WebSocketServer(options);
    other.close(); second.close();`,
};

/** Programs that add to the types. Apart from the others: they change them for all that is compiled with them. */
const AUGMENTED: Readonly<Record<string, string>> = {
  'augmented.cts': `
    import WebSocket = require('ws');
    import { WebSocket as Named } from 'ws';
    declare module 'ws' { interface WebSocket { userId?: string } }
    const ws: WebSocket.WebSocket = new Named('ws://x');
    ws.userId = 'x';`,
};

/** Members of a program's own, by names that only we have, and not as API. */
const OWN_NAMES = `
  import { WebSocket, WebSocketServer } from 'ws';
  class Hub extends WebSocketServer {
    _server = new Map<string, number>();
    completeUpgrade(name: string): number { return name.length; }
  }
  class Mine extends WebSocket {
    _socket = { id: 5 };
    private _sender = 1;
    sender(): number { return this._sender + this._socket.id; }
  }
  const hub = new Hub({ noServer: true });
  console.log(hub._server.size, hub.completeUpgrade('x').toFixed(), new Mine('ws://x').sender());`;

/** What we export besides, from `require`, by name and as statics. */
const OUR_STATICS = `
  import * as WebSocket from 'ws';
  import { broadcast, ProtocolError, Receiver, type BroadcastOptions, type HeartbeatOptions, type PeerError } from 'ws';
  const options: BroadcastOptions & WebSocket.BroadcastOptions = { binary: true };
  const heartbeat: HeartbeatOptions = { interval: 1000 };
  const server = new WebSocket.Server({ noServer: true, heartbeat });
  WebSocket.broadcast(server.clients, 'x', options);
  broadcast(server.clients, 'x');
  export function codeOf(error: PeerError): number | undefined {
    if (error instanceof WebSocket.CapacityError || error instanceof WebSocket.Utf8Error) return error.closeCode;
    if (error instanceof WebSocket.CompressionError) return error.code === 'Z_DATA_ERROR' ? 1 : 2;
    const usage: WebSocket.UsageError | null = error instanceof WebSocket.UsageError ? error : null;
    const receiver: Receiver = new WebSocket.Receiver({ isServer: true });
    console.log(usage?.message, receiver.writable, WebSocket.subprotocol.parse('x'), WebSocket.extension.parse('x'));
    return error instanceof ProtocolError ? error.closeCode : undefined;
  }`;

/** Hooks that are no part of ws's types. */
const HOOKS = `
  import { WebSocketServer } from 'ws';
  new WebSocketServer({ noServer: true, verifyClient: ({ secure }) => !secure });
  new WebSocketServer({ noServer: true, verifyClient: ({ secure }, done) => done(secure, 402, 'x') });
  new WebSocketServer({ noServer: true, verifyClient: async ({ req }) => ({ user: req.url }) });
  new WebSocketServer({ noServer: true, verifyClient: async ({ secure }, done) => done({ secure }) });
  const server = new WebSocketServer({ noServer: true, handleProtocols: async (protocols) => [...protocols][0] });
  server.on('connection', (ws, request) => ws.send(request.context.user));`;

/** Compiles programs for which 'ws' is our package, or ws itself. */
const compile = (
  programs: Readonly<Record<string, string>>,
  library: 'ours' | 'theirs',
  module: Module,
  compiler?: Compiler,
): Promise<string> =>
  // Without the link the types of ws are found further up.
  compileWith(programs, { module, compiler, packages: library === 'ours' ? ['ws'] : [] });

/** Everything that compiles with the types of ws too. */
const ALL = { ...PROGRAMS, ...COMMONJS, OWN_NAMES };

describe('programs typed against ws', () => {
  test('compile with the types of ws', async () => {
    expect(await compile(ALL, 'theirs', 'nodenext')).toBe('');
    expect(await compile(AUGMENTED, 'theirs', 'nodenext')).toBe('');
  });
  test.each(MODES)(
    'compile with ours: TypeScript %s, module %s',
    async (compiler, module) => {
      // `import … = require()` is for modules that become CommonJS.
      const all = Object.entries(ALL).filter(([name]) => module !== 'bundler' || name !== 'equals.cts');
      const programs = Object.fromEntries(all);
      const more = { statics: STATICS, 'ours.cts': OUR_STATICS };
      expect(await compile({ ...programs, ...more }, 'ours', module, compiler)).toBe('');
    },
    120_000,
  );
  test.each(['5.9', '7'] as const)(
    'compile with ours and add to it: TypeScript %s',
    async (compiler) => expect(await compile(AUGMENTED, 'ours', 'nodenext', compiler)).toBe(''),
    120_000,
  );
  test('may have async hooks', async () => expect(await compile({ HOOKS }, 'ours', 'nodenext')).toBe(''));
  test('are still checked', async () => {
    const wrong = `import WebSocket from 'ws'; const ws = new WebSocket(5); ws.send(); ws.binaryType = 'x'; ws.on('close', (code: string) => code.at(0)); ws.readyState = 1;`;
    const messages = await compile({ wrong }, 'ours', 'nodenext');
    expect(messages.match(/error TS/g)?.length).toBeGreaterThanOrEqual(4);
  });
});
