// The ws-style WebSocketServer, apart from what a runtime must lend it: an HTTP server and sessions over sockets.
// RFC 6455 section 4.2 decides what is answered; the contract of the class is that of ws 8.

import type { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { answerDeflate, PERMESSAGE_DEFLATE, type DeflateAgreement } from '../../deflate/parameters.ts';
import { formatExtensions } from '../../handshake/extensions.ts';
import { formatHead, type HeaderValues } from '../../handshake/headers.ts';
import { refusalHead } from '../../handshake/refusal.ts';
import { acceptanceHead, checkRequest, type AcceptableRequest } from '../../handshake/server.ts';
import type { Session } from '../../platform.ts';
import { TypedEmitter, type LooseListener } from './emitter.ts';
import { heartbeatSettings } from './heartbeat.ts';
import { coreOf } from './core.ts';
import { deflateSettings, type ServerOptions, type SocketClass } from './options.ts';
import { checkAllowedOrigins, isAllowedOrigin } from './origins.ts';
import type {
  AddressInfo,
  ServerEvents,
  VerifyClientCallbackAsync,
  VerifyClientCallbackSync,
  VerifyClientInfo,
} from './types.ts';
import type { WebSocketBase } from './websocket.ts';

/** What a server needs of the HTTP server that it listens with; that of node:http has it. Events: `listening`, `error`, `upgrade`. */
export interface HttpServer extends EventEmitter {
  /** @param at A port, or the path of a Unix domain socket. */
  listen(at?: number | string, host?: string, backlog?: number, onListening?: () => void): unknown;
  /** What it listens on; null when it does not. */
  address(): AddressInfo | string | null;
  /** Takes no more connections. @param onClosed Called once all are gone. */
  close(onClosed: () => void): unknown;
}

/** What a runtime lends to a server. */
export interface ServerPlatform {
  /** The class to construct unless the program names another. */
  readonly WebSocket: new (address: null) => WebSocketBase;
  /** Makes the HTTP server that `port` asks for; it answers requests that are no upgrade with 426. */
  createHttpServer(): HttpServer;
  /** Path of the Unix domain socket that it listens on in the place of `port`. */
  readonly unix?: string | undefined;
  /** Makes the session over an upgraded socket. Nothing has been read from it since the request. */
  createSession(socket: Duplex, options: ServerOptions, agreement: DeflateAgreement | undefined): Session;
}

type RequestClass = typeof IncomingMessage;
type Connected<Socket, Request> = (ws: Socket, request: Request) => void;

/** What `options` says where the program says nothing. */
const DEFAULTS = {
  allowSynchronousEvents: true,
  autoPong: true,
  backlog: null,
  clientTracking: true,
  closeTimeout: 30000,
  handleProtocols: null,
  host: null,
  maxPayload: 104857600,
  noServer: false,
  path: null,
  perMessageDeflate: false,
  port: null,
  server: null,
  skipUTF8Validation: false,
  verifyClient: null,
};

const RUNNING = 0;
const CLOSING = 1;
const CLOSED = 2;

/** Sockets that carry a WebSocket already. */
const taken = new WeakSet<object>();

export abstract class WebSocketServerBase<Socket extends SocketClass, Request extends RequestClass> extends TypedEmitter<
  ServerEvents<InstanceType<Socket>, InstanceType<Request>>
> {
  /** Open connections; undefined with `clientTracking: false`, which the types of ws do not tell. */
  declare clients: Set<InstanceType<Socket>>;
  /** The options with their defaults. Hooks are looked up here for each request. */
  options: ServerOptions<Socket, Request>;
  /** Never set, as in ws; see `options.path`. */
  declare path: string;
  readonly #platform: ServerPlatform;
  #state = RUNNING;
  #emitsCloseWithLastClient = false;
  #server: HttpServer | null = null;
  readonly #listeners: Readonly<Record<string, LooseListener<unknown>>>;
  readonly #onClientClose: (this: WebSocketBase) => void = forAll((ws) => this.#forget(ws as InstanceType<Socket>));

  /** @throws {TypeError} unless exactly one of `port`, `server` and `noServer` is given. */
  constructor(platform: ServerPlatform, options?: ServerOptions<Socket, Request>, onListening?: () => void) {
    super();
    const given = Object.fromEntries(Object.entries(options ?? {}).filter(([, value]) => value !== undefined));
    const settings = { ...DEFAULTS, WebSocket: platform.WebSocket, ...given } as unknown as ServerOptions<Socket, Request>;
    const { port = null, server, noServer, clientTracking } = settings;
    if ([port !== null, server, noServer].filter(Boolean).length !== 1) {
      throw new TypeError('One and only one of the "port", "server", or "noServer" options must be specified');
    }
    heartbeatSettings(settings.heartbeat);
    checkAllowedOrigins(settings.allowedOrigins);
    this.options = settings;
    this.#platform = platform;
    if (clientTracking) this.clients = new Set();
    this.#listeners = {
      listening: () => this.emit('listening'),
      error: (error: Error) => this.emit('error', error),
      upgrade: (request: InstanceType<Request>, socket: Duplex, head: Buffer) =>
        this.handleUpgrade(request, socket, head, (ws, message) => this.emit('connection', ws, message)),
    };
    if (noServer) return;
    this.#server = server ?? platform.createHttpServer();
    if (port !== null) this.#server.listen(platform.unix ?? port, settings.host, settings.backlog, onListening);
    for (const [event, listener] of Object.entries(this.#listeners)) this.#server.on(event, listener);
  }

  /** What the server listens on; null when it does not. @throws {Error} with `noServer`. */
  address(): AddressInfo | string | null {
    if (this.options.noServer) throw new Error('The server is operating in "noServer" mode');
    return this.#server?.address() ?? null;
  }

  /**
   * Takes no more connections; those that are open stay. An HTTP server of our own is closed, another one only left.
   *
   * @param callback Called with the 'close' event, or with an error when the server was closed already.
   */
  close(callback?: (error?: Error) => void): void {
    if (this.#state === CLOSED) {
      if (callback) this.once('close', () => callback(new Error('The server is not running')));
      process.nextTick(() => this.#emitClose());
      return;
    }
    if (callback) this.once('close', callback);
    if (this.#state === CLOSING) return;
    this.#state = CLOSING;
    const server = this.#server;
    this.#server = null;
    if (server !== null) {
      for (const [event, listener] of Object.entries(this.#listeners)) server.removeListener(event, listener);
    }
    if (server !== null && !this.options.server) server.close(() => this.#emitClose());
    else if ((this.clients as Set<unknown> | undefined)?.size) this.#emitsCloseWithLastClient = true;
    else process.nextTick(() => this.#emitClose());
  }

  /** Whether a request is for this server: by `path`. Override to decide otherwise. */
  shouldHandle(request: InstanceType<Request>): boolean | Promise<boolean> {
    const { path } = this.options;
    if (!path) return true;
    const url = request.url ?? '';
    const query = url.indexOf('?');
    return (query === -1 ? url : url.slice(0, query)) === path;
  }

  /**
   * Answers an upgrade request and makes a WebSocket of it, or refuses it.
   *
   * @param socket The socket of the request: a `net.Socket`, a `tls.TLSSocket` or any Duplex.
   * @param head Bytes that came with the request. Kept.
   * @param callback Called with the WebSocket, before any of its messages.
   * @throws {Error} when the socket was handed over before.
   */
  handleUpgrade(
    request: InstanceType<Request>,
    socket: Duplex,
    head: Uint8Array,
    callback: Connected<InstanceType<Socket>, InstanceType<Request>>,
  ): void {
    const onError = (): void => void socket.destroy();
    socket.on('error', onError);

    const check = checkRequest(request);
    if (!check.accepted) {
      if (this.listenerCount('wsClientError') === 0) return refuseUpgrade(socket, check);
      const error = new Error(check.reason);
      Error.captureStackTrace(error, this.handleUpgrade);
      this.emit('wsClientError', error, socket, request);
      return;
    }
    if (!this.shouldHandle(request)) return refuseUpgrade(socket, { status: 400 });
    const { allowedOrigins } = this.options;
    if (allowedOrigins && !isAllowedOrigin(allowedOrigins, check.origin, request)) {
      return refuseUpgrade(socket, { status: 403, reason: 'Origin not allowed' });
    }
    this.#verify(check, request, socket, () => this.#completeUpgrade(check, request, { socket, head, onError, callback }));
  }

  #verify(check: AcceptableRequest, request: InstanceType<Request>, socket: Duplex, complete: () => void): void {
    const { verifyClient } = this.options;
    if (!verifyClient) return complete();
    const info: VerifyClientInfo<InstanceType<Request>> = {
      origin: check.origin as string,
      secure: isSecure(request),
      req: request,
    };
    if (verifyClient.length === 2) {
      (verifyClient as VerifyClientCallbackAsync<InstanceType<Request>>).call(
        this.options,
        info,
        (ok, status, reason, headers) => {
          if (ok) complete();
          else refuseUpgrade(socket, { status: status || 401, reason, headers: headers });
        },
      );
    } else if ((verifyClient as VerifyClientCallbackSync<InstanceType<Request>>).call(this.options, info)) {
      complete();
    } else {
      refuseUpgrade(socket, { status: 401 });
    }
  }

  #completeUpgrade(
    check: AcceptableRequest,
    request: InstanceType<Request>,
    upgrade: {
      readonly socket: Duplex;
      readonly head: Uint8Array;
      readonly onError: () => void;
      readonly callback: Connected<InstanceType<Socket>, InstanceType<Request>>;
    },
  ): void {
    const { socket, head, onError, callback } = upgrade;
    // The client may have left while verifyClient made up its mind.
    if (!socket.readable || !socket.writable) return void socket.destroy();
    if (taken.has(socket)) {
      throw new Error(
        'server.handleUpgrade() was called more than once with the same socket, possibly due to a misconfiguration',
      );
    }
    if (this.#state > RUNNING) return refuseUpgrade(socket, { status: 503 });

    const constructor = this.options.WebSocket as unknown as new (...values: unknown[]) => InstanceType<Socket>;
    const ws = new constructor(null, undefined, this.options);
    const protocol = this.#selectProtocol(check.protocols, request);
    const deflate = deflateSettings(this.options.perMessageDeflate);
    const answer = deflate && answerDeflate(check.extensions, deflate);
    const lines = acceptanceHead({ key: check.key, protocol, extensions: answer && formatExtensions([answer.element]) });
    this.emit('headers', lines, request);
    taken.add(socket);
    socket.write(formatHead(lines), 'latin1');
    socket.removeListener('error', onError);
    const session = this.#platform.createSession(socket, this.options, answer?.agreement);
    const extensions = answer ? PERMESSAGE_DEFLATE : '';
    // Planned before the 'connection' event, so that messages come before what a listener puts off.
    process.nextTick(() => coreOf(ws).start(head));
    coreOf(ws).open(ws, session, { socket, protocol, extensions, allowSynchronousEvents: this.options.allowSynchronousEvents });
    this.#track(ws);
    callback(ws, request);
  }

  #track(ws: InstanceType<Socket>): void {
    const clients = this.clients as Set<InstanceType<Socket>> | undefined;
    if (clients === undefined) return;
    clients.add(ws);
    (ws as WebSocketBase).on('close', this.#onClientClose);
  }

  #forget(ws: InstanceType<Socket>): void {
    this.clients.delete(ws);
    if (this.#emitsCloseWithLastClient && this.clients.size === 0) process.nextTick(() => this.#emitClose());
  }

  #selectProtocol(protocols: readonly string[], request: InstanceType<Request>): string {
    if (protocols.length === 0) return '';
    const { handleProtocols } = this.options;
    return (handleProtocols ? handleProtocols.call(this.options, new Set(protocols), request) : protocols[0]) || '';
  }

  #emitClose(): void {
    this.#state = CLOSED;
    this.emit('close');
  }
}

/** Makes one listener for the events of all clients, each of which would keep one of its own alive. */
function forAll(listener: (ws: WebSocketBase) => void): (this: WebSocketBase) => void {
  return function () {
    listener(this);
  };
}

function isSecure(request: IncomingMessage): boolean {
  const { authorized, encrypted } = request.socket as { authorized?: boolean; encrypted?: boolean };
  return authorized === true || encrypted === true;
}

/** Writes an HTTP answer and closes. */
function refuseUpgrade(
  socket: Duplex,
  refusal: { status: number; reason?: string | undefined; headers?: HeaderValues | undefined },
): void {
  socket.once('finish', () => socket.destroy());
  socket.end(refusalHead(refusal));
}
