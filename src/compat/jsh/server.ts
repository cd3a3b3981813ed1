// JSH's WebSocketServer: a path of an http.Server that takes WebSockets. RFC 6455 section 4.2.

import { ownOptions } from '../../base/options.ts';
import { Server as HttpServer, type IncomingMessage } from 'node:http';
import { Server as HttpsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { formatHead } from '../../handshake/headers.ts';
import { refuse } from '../../handshake/refusal.ts';
import { acceptanceHead, checkRequest, type AcceptableRequest } from '../../handshake/server.ts';
import { isThenable } from '../shared/promises.ts';
import { refuseUpgrade } from '../shared/requests.ts';
import { Accepted } from '../shared/sessions.ts';
import { Attachments } from './attachments.ts';
import { errorOf, QuietEmitter } from './emitter.ts';
import { ServerRequest } from './request.ts';
import { WebSocket } from './websocket.ts';

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
  /** Decides whether a request is accepted, at once: false rejects it, a promise is an error. Default: all are. */
  readonly verifyClient?: ((info: VerifyClientInfo) => unknown) | undefined;
  /**
   * Picks one of the subprotocols that a client asks for, at once: a promise is an error. Whatever is no string is none. Default: none.
   */
  readonly handleProtocols?: ((protocols: RequestedProtocols, request: ServerRequest) => unknown) | undefined;
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

/** Calls a hook. @throws {HookError} when it returns a promise: whatever that comes to, nobody would wait for it. */
function callHook<Result>(name: string, hook: () => Result): Result {
  const result = hook();
  if (!isThenable(result)) return result;
  result.then(undefined, () => {});
  throw new HookError(`${name} returned a promise; the hooks of this server are synchronous`);
}

function checkHook(name: string, hook: unknown): void {
  if (hook !== undefined && hook !== null && typeof hook !== 'function') {
    throw new TypeError(`WebSocketServer ${name} must be a function`);
  }
}

export class WebSocketServer extends QuietEmitter<WebSocketServerEvents> {
  /** The HTTP server. */
  readonly server: HttpServer | HttpsServer;
  /** The path that is accepted. */
  readonly path: string;
  /** Connected clients; null with `clientTracking: false`. */
  readonly clients: Set<WebSocket> | null;
  /** As they were given. */
  readonly options: WebSocketServerOptions;
  #isClosed = false;

  /**
   * Several servers may share an HTTP server, each at its own path. What no server takes is answered 404, unless somebody else
   * listens for `upgrade` as well.
   *
   * @throws {TypeError} without a `server` of node:http or node:https, or for an option of another type.
   * @throws {UsageError} when the path is taken.
   */
  constructor(given: WebSocketServerOptions) {
    super();
    if (typeof given !== 'object' || (given as unknown) === null) {
      throw new TypeError('WebSocketServer options must be an object');
    }
    const { server, path = '/', clientTracking = true, verifyClient, handleProtocols } = ownOptions(given);
    if (!(server instanceof HttpServer) && !((server as unknown) instanceof HttpsServer)) {
      throw new TypeError('WebSocketServer requires an http.Server instance');
    }
    if (typeof path !== 'string') throw new TypeError('WebSocketServer path must be a string');
    checkHook('verifyClient', verifyClient);
    checkHook('handleProtocols', handleProtocols);
    this.server = server;
    this.path = path;
    this.clients = clientTracking ? new Set() : null;
    this.options = given;
    Attachments.of(server as HttpServer).add(path, {
      upgrade: (request, socket, head) => this.#upgrade(request, socket, head),
      hear: (error) => this.emit('error', error),
    });
  }

  /** Whether `close` was called. */
  get closed(): boolean {
    return this.#isClosed;
  }

  /**
   * Takes no more connections, closes those in `clients`, and empties it. The HTTP server goes on.
   *
   * @param callback Called before this returns, behind 'close', which is emitted once.
   */
  close(callback?: () => void): this {
    if (!this.#isClosed) {
      this.#isClosed = true;
      Attachments.of(this.server as HttpServer).remove(this.path);
      for (const client of this.clients ?? []) client.close();
      this.emit('close');
    }
    callback?.();
    return this;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array): void {
    const check = checkRequest(request);
    if (!check.accepted) return refuseUpgrade(socket, check);
    if (!socket.readable || !socket.writable) return void socket.destroy();
    const helper = new ServerRequest(request);
    let protocol: string;
    try {
      if (!this.#verify(check, helper)) return refuseUpgrade(socket, refuse(403, 'websocket upgrade rejected'));
      protocol = this.#selectProtocol(check.protocols, helper);
    } catch (error) {
      // What a hook threw may hold secrets; what we threw does not.
      refuseUpgrade(socket, refuse(500, error instanceof HookError ? error.message : 'The request could not be handled'));
      this.emit('error', errorOf(error));
      return;
    }
    socket.write(formatHead(acceptanceHead({ key: check.key, protocol })), 'latin1');
    const onClosed = (closed: WebSocket): void => void this.clients?.delete(closed);
    const ws = new WebSocket(new Accepted({ url: helper.url, protocol, socket, onClosed }) as never);
    this.clients?.add(ws);
    this.emit('connection', ws, helper);
    if (ws.readyState === WebSocket.OPEN) ws.emit('open');
    ws._start(head);
  }

  #verify(check: AcceptableRequest, req: ServerRequest): boolean {
    const { verifyClient } = ownOptions(this.options);
    const info = { origin: check.origin ?? '', req };
    return !verifyClient || callHook('verifyClient', () => verifyClient.call(this.options, info)) !== false;
  }

  #selectProtocol(asked: readonly string[], request: ServerRequest): string {
    const { handleProtocols } = ownOptions(this.options);
    if (!handleProtocols) return '';
    const protocols = new RequestedProtocols();
    protocols.push(...asked);
    const chosen = callHook('handleProtocols', () => handleProtocols.call(this.options, protocols, request));
    // To a client that asks for none, none may be named (RFC 6455 section 4.2.2).
    if (typeof chosen !== 'string' || chosen === '' || asked.length === 0) return '';
    if (!asked.includes(chosen)) throw new HookError('handleProtocols chose a subprotocol that the client has not asked for');
    return chosen;
  }
}
