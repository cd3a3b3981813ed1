// JSH's WebSocketServer: a path of an http.Server that takes WebSockets. RFC 6455 section 4.2.

import { Server as HttpServer, type IncomingMessage } from 'node:http';
import { Server as HttpsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { TypedEmitter } from '../../api/ws/emitter.ts';
import { formatHead } from '../../handshake/headers.ts';
import { refuse } from '../../handshake/refusal.ts';
import { acceptanceHead, checkRequest, type AcceptableRequest } from '../../handshake/server.ts';
import { platform } from '../../nodejs/platform.ts';
import { createSession } from '../../nodejs/session.ts';
import { Attachments, refuseUpgrade } from './attachments.ts';
import { ServerRequest } from './request.ts';
import { Accepted, startLater, WebSocket } from './websocket.ts';

/** What `verifyClient` gets. */
export interface VerifyClientInfo {
  /** The Origin field; empty without one. */
  readonly origin: string;
  readonly req: ServerRequest;
}

/** Options of {@link WebSocketServer}. */
export interface WebSocketServerOptions {
  /** The server whose upgrade requests to take. */
  readonly server: HttpServer | HttpsServer;
  /** The only path to accept, without a query. Default `/`. */
  readonly path?: string | undefined;
  /** Whether `clients` is kept. Default true. */
  readonly clientTracking?: boolean | undefined;
  /** Decides whether a request is accepted, at once: a promise is an error. Default: all are. */
  readonly verifyClient?: ((info: VerifyClientInfo) => boolean) | undefined;
  /**
   * Picks one of the subprotocols that a client asks for, at once: a promise is an error. Called when it asks for any. Empty or
   * false for none. Default: the first.
   */
  readonly handleProtocols?:
    ((protocols: RequestedProtocols, request: ServerRequest) => string | false | null | undefined) | undefined;
}

/** Arguments of listeners, by event. */
export interface WebSocketServerEvents {
  connection: [socket: WebSocket, request: ServerRequest];
  error: [error: Error];
  close: [];
}

/** The subprotocols that a client asks for, the most wanted first: an array that can be asked like a Set. */
export class RequestedProtocols extends Array<string> {
  has(name: string): boolean {
    return this.includes(name);
  }

  get size(): number {
    return this.length;
  }
}

/** Why a request is not accepted, when a hook is to blame. */
class HookError extends Error {}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

/** Calls a hook. @throws {HookError} when it returns a promise: whatever that comes to, nobody would wait for it. */
function callHook<Result>(name: string, hook: () => Result): Result {
  const result = hook();
  if (!isThenable(result)) return result;
  result.then(undefined, () => {});
  throw new HookError(`${name} returned a promise; the hooks of this server are synchronous`);
}

function checkHook(name: string, hook: unknown): void {
  if (hook !== undefined && hook !== null && typeof hook !== 'function') throw new TypeError(`${name} must be a function`);
}

export class WebSocketServer extends TypedEmitter<WebSocketServerEvents> {
  /** The HTTP server. */
  readonly server: HttpServer | HttpsServer;
  /** The path that is accepted. */
  readonly path: string;
  /** Connected clients; null with `clientTracking: false`. */
  readonly clients: Set<WebSocket> | null;
  readonly #options: WebSocketServerOptions;
  #isClosed = false;

  /**
   * Several servers may share an HTTP server, each at its own path. What no server takes is answered 404, unless somebody else
   * listens for `upgrade` as well.
   *
   * @throws {TypeError} without a `server` of node:http or node:https, or for an option of another type.
   * @throws {UsageError} when the path is taken.
   */
  constructor(options: WebSocketServerOptions) {
    super();
    const { server, path = '/', clientTracking = true, verifyClient, handleProtocols } = options ?? {};
    if (!(server instanceof HttpServer) && !((server as unknown) instanceof HttpsServer)) {
      throw new TypeError('The server of a WebSocketServer must be an http.Server');
    }
    if (typeof path !== 'string') throw new TypeError('The path of a WebSocketServer must be a string');
    checkHook('verifyClient', verifyClient);
    checkHook('handleProtocols', handleProtocols);
    this.server = server;
    this.path = path;
    this.clients = clientTracking ? new Set() : null;
    this.#options = options;
    Attachments.of(server as HttpServer).add(path, {
      upgrade: (request, socket, head) => this.#upgrade(request, socket, head),
      hear: (error) => this.#emitError(error),
    });
  }

  /**
   * Takes no more connections, closes those in `clients`, and empties it. The HTTP server goes on.
   *
   * @param callback Called once it is closed; at the next opportunity when it was already.
   */
  close(callback?: () => void): this {
    if (this.#isClosed) {
      if (callback) platform.defer(callback);
      return this;
    }
    this.#isClosed = true;
    Attachments.of(this.server as HttpServer).remove(this.path);
    const clients = [...(this.clients ?? [])];
    this.clients?.clear();
    for (const client of clients) client.close();
    if (callback) this.once('close', callback);
    platform.defer(() => this.emit('close'));
    return this;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array): void {
    const check = checkRequest(request);
    if (!check.accepted) return refuseUpgrade(socket, check);
    if (!socket.readable || !socket.writable) return void socket.destroy();
    const helper = new ServerRequest(request);
    let protocol: string;
    try {
      if (!this.#verify(check, helper)) return refuseUpgrade(socket, refuse(401, 'The request was not accepted'));
      protocol = this.#selectProtocol(check.protocols, helper);
    } catch (error) {
      // What a hook threw may hold secrets; what we threw does not.
      refuseUpgrade(socket, refuse(500, error instanceof HookError ? error.message : 'The request could not be handled'));
      this.#emitError(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    socket.write(formatHead(acceptanceHead({ key: check.key, protocol })), 'latin1');
    const session = createSession(socket, { role: 'server' });
    const scheme = (socket as { encrypted?: boolean }).encrypted ? 'wss' : 'ws';
    const ws = new WebSocket(new Accepted(`${scheme}://${helper.host}${helper.url}`, protocol, session) as never);
    const { clients } = this;
    if (clients) {
      clients.add(ws);
      ws.on('close', () => void clients.delete(ws));
    }
    try {
      this.emit('connection', ws, helper);
    } finally {
      startLater(session, head);
    }
  }

  /** Whoever forgets to return something has not said yes. */
  #verify(check: AcceptableRequest, req: ServerRequest): boolean {
    const { verifyClient } = this.#options;
    const info = { origin: check.origin ?? '', req };
    return !verifyClient || callHook('verifyClient', () => verifyClient.call(this.#options, info));
  }

  #selectProtocol(asked: readonly string[], request: ServerRequest): string {
    const { handleProtocols } = this.#options;
    if (asked.length === 0) return '';
    if (!handleProtocols) return asked[0];
    const protocols = new RequestedProtocols();
    protocols.push(...asked);
    const chosen = callHook('handleProtocols', () => handleProtocols.call(this.#options, protocols, request)) || '';
    if (chosen !== '' && !asked.includes(chosen)) {
      throw new HookError('handleProtocols chose a subprotocol that the client has not asked for');
    }
    return chosen;
  }

  /** @returns Whether anybody listens. Not thrown otherwise: a peer's request must not end the process. */
  #emitError(error: Error): boolean {
    return this.listenerCount('error') > 0 && this.emit('error', error);
  }
}
