// The ws-style WebSocketServer, apart from what a runtime must lend it: an HTTP server and sessions over sockets.
// RFC 6455 section 4.2 decides what is answered; the contract of the class is that of ws 8.

import { EventEmitter } from 'node:events';
import type { IncomingMessage, Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { formatHead, type HeaderValues } from '../../handshake/headers.ts';
import { refusalHead, type Refusal } from '../../handshake/refusal.ts';
import { acceptanceHead, checkRequest, type AcceptableRequest } from '../../handshake/server.ts';
import type { Session } from '../../platform.ts';
import type { ConnectionSettings } from './options.ts';
import type { WebSocketBase } from './websocket.ts';

/** What `verifyClient` is told. */
export interface VerifyClientInfo {
  /** `Origin`, or `Sec-WebSocket-Origin` with version 8. A client that is no browser may send anything. */
  readonly origin: string;
  /** Whether the request came over TLS. */
  readonly secure: boolean;
  readonly req: IncomingMessage;
}

/** Decides whether a client may connect, at once or through `callback`. */
export type VerifyClient =
  | ((info: VerifyClientInfo) => boolean)
  | ((info: VerifyClientInfo, callback: (ok: boolean, code?: number, message?: string, headers?: HeaderValues) => void) => void);

export interface ServerOptions<Socket extends WebSocketBase = WebSocketBase> extends ConnectionSettings {
  readonly port?: number | undefined;
  readonly host?: string | undefined;
  /** Most connections that wait to be accepted. Default: the runtime's, 511 on Node. */
  readonly backlog?: number | undefined;
  /** An HTTP or HTTPS server whose upgrade requests to take. */
  readonly server?: HttpServer | undefined;
  /** No server at all: `handleUpgrade` is called by hand. Default false. */
  readonly noServer?: boolean | undefined;
  /** The only path to accept; requests for others are answered 400. Default: any. */
  readonly path?: string | null | undefined;
  /** Whether `clients` is kept. Default true. */
  readonly clientTracking?: boolean | undefined;
  readonly verifyClient?: VerifyClient | null | undefined;
  /** Picks one of the subprotocols asked for; false or '' for none. Default: the first. */
  readonly handleProtocols?: ((protocols: Set<string>, request: IncomingMessage) => string | false) | null | undefined;
  /** The class to construct. Default: the WebSocket of the same entry point. */
  readonly WebSocket?: (new (address: null) => Socket) | undefined;
}

const RUNNING = 0;
const CLOSING = 1;
const CLOSED = 2;

/** Sockets that carry a WebSocket already. */
const taken = new WeakSet<object>();

export abstract class WebSocketServerBase<Socket extends WebSocketBase = WebSocketBase> extends EventEmitter {
  /** Open connections; undefined with `clientTracking: false`. */
  readonly clients: Set<Socket> | undefined;
  readonly options: ServerOptions<Socket>;
  #state = RUNNING;
  #emitsCloseWithLastClient = false;
  #server: HttpServer | null = null;
  readonly #ownsServer: boolean;
  readonly #listeners: Readonly<Record<string, (...values: never[]) => void>>;

  /** @throws {TypeError} unless exactly one of `port`, `server` and `noServer` is given. */
  constructor(options: ServerOptions<Socket>, onListening?: () => void) {
    super();
    const { port = null, server = null, noServer = false, clientTracking = true } = options;
    const given = [port !== null, server !== null, noServer].filter(Boolean).length;
    if (given !== 1) {
      throw new TypeError('One and only one of the "port", "server", or "noServer" options must be specified');
    }
    this.options = options;
    this.clients = clientTracking ? new Set() : undefined;
    this.#ownsServer = port !== null;
    this.#listeners = {
      listening: () => this.emit('listening'),
      error: (error: Error) => this.emit('error', error),
      upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) =>
        this.handleUpgrade(request, socket, head, (ws, message) => this.emit('connection', ws, message)),
    };
    if (noServer) return;
    this.#server = server ?? this.createHttpServer();
    for (const [event, listener] of Object.entries(this.#listeners)) this.#server.on(event, listener as () => void);
    if (port !== null) this.#server.listen(port, options.host, options.backlog, onListening);
  }

  /** Makes the HTTP server that `port` asks for; it answers requests that are no upgrade with 426. */
  protected abstract createHttpServer(): HttpServer;
  /** Makes the session over an upgraded socket. Nothing has been read from it since `head`. */
  protected abstract createSession(socket: Duplex, options: ServerOptions<Socket>): Session;
  /** Makes the object that users get. */
  protected abstract createWebSocket(options: ServerOptions<Socket>): Socket;

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
      for (const [event, listener] of Object.entries(this.#listeners)) server.removeListener(event, listener as () => void);
    }
    if (this.#ownsServer) server!.close(() => this.#emitClose());
    else if (this.clients !== undefined && this.clients.size > 0) this.#emitsCloseWithLastClient = true;
    else process.nextTick(() => this.#emitClose());
  }

  /** Whether a request is for this server: by `path`. Override to decide otherwise. */
  shouldHandle(request: IncomingMessage): boolean | Promise<boolean> {
    const { path } = this.options;
    if (path === undefined || path === null || path === '') return true;
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
    request: IncomingMessage,
    socket: Duplex,
    head: Uint8Array,
    callback: (ws: Socket, request: IncomingMessage) => void,
  ): void {
    const onError = (): void => void socket.destroy();
    socket.on('error', onError);
    const refuse = (refusal: Omit<Refusal, 'accepted' | 'headers'> & { headers?: HeaderValues }): void => refuseUpgrade(socket, refusal);

    const check = checkRequest(request);
    if (!check.accepted) {
      if (this.listenerCount('wsClientError') === 0) return refuse(check);
      const error = new Error(check.reason);
      Error.captureStackTrace(error, this.handleUpgrade);
      this.emit('wsClientError', error, socket, request);
      return;
    }
    if (!this.shouldHandle(request)) return refuse({ status: 400, reason: '' });

    const complete = (): void => this.#completeUpgrade(check, request, socket, head, onError, callback);
    const { verifyClient } = this.options;
    if (!verifyClient) return complete();
    const info: VerifyClientInfo = { origin: check.origin as string, secure: isSecure(request), req: request };
    if (verifyClient.length === 2) {
      (verifyClient as Extract<VerifyClient, (...values: [never, never]) => void>)(info, (ok, status, reason, headers) => {
        if (ok) complete();
        else refuse({ status: status ?? 401, reason: reason ?? '', ...(headers && { headers }) });
      });
    } else if ((verifyClient as (info: VerifyClientInfo) => boolean)(info)) {
      complete();
    } else {
      refuse({ status: 401, reason: '' });
    }
  }

  #completeUpgrade(
    check: AcceptableRequest,
    request: IncomingMessage,
    socket: Duplex,
    head: Uint8Array,
    onError: () => void,
    callback: (ws: Socket, request: IncomingMessage) => void,
  ): void {
    // The client may have left while verifyClient made up its mind.
    if (!socket.readable || !socket.writable) return void socket.destroy();
    if (taken.has(socket)) {
      throw new Error('server.handleUpgrade() was called more than once with the same socket, possibly due to a misconfiguration');
    }
    if (this.#state > RUNNING) return refuseUpgrade(socket, { status: 503, reason: '' });
    taken.add(socket);

    const protocol = this.#selectProtocol(check.protocols, request);
    const lines = acceptanceHead({ key: check.key, protocol });
    const ws = this.createWebSocket(this.options);
    this.emit('headers', lines, request);
    socket.write(formatHead(lines), 'latin1');
    socket.removeListener('error', onError);
    const session = this.createSession(socket, this.options);
    ws.adopt(session, protocol, '');
    const { clients } = this;
    if (clients !== undefined) {
      clients.add(ws);
      ws.on('close', () => {
        clients.delete(ws);
        if (this.#emitsCloseWithLastClient && clients.size === 0) process.nextTick(() => this.#emitClose());
      });
    }
    callback(ws, request);
    process.nextTick(() => session.start(head));
  }

  #selectProtocol(protocols: readonly string[], request: IncomingMessage): string {
    if (protocols.length === 0) return '';
    const { handleProtocols } = this.options;
    return (handleProtocols ? handleProtocols(new Set(protocols), request) : protocols[0]) || '';
  }

  #emitClose(): void {
    this.#state = CLOSED;
    this.emit('close');
  }
}

function isSecure(request: IncomingMessage): boolean {
  const { authorized, encrypted } = request.socket as { authorized?: boolean; encrypted?: boolean };
  return authorized === true || encrypted === true;
}

/** Writes an HTTP answer and closes. */
function refuseUpgrade(socket: Duplex, refusal: { status: number; reason: string; headers?: HeaderValues }): void {
  socket.once('finish', () => socket.destroy());
  socket.end(refusalHead(refusal));
}
