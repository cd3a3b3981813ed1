// JSH's WebSocketServer, which takes the WebSockets of one path of an http.Server, and `server.ws(path, handler)`. RFC 6455 section 4.2.

import { GateCore, SHUTTING_DOWN } from '../../admission/gate-core.ts';
import { serverMetrics, type ServerMetrics } from '../../admission/metrics.ts';
import type { ShutdownOptions, ShutdownResult } from '../../admission/shutdown.ts';
import { UsageError } from '../../base/errors.ts';
import type { RefusalReason } from '../../base/meter.ts';
import { ownOptions } from '../../base/options.ts';
import { toError } from '../../base/realms.ts';
import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { formatHead } from '../../handshake/headers.ts';
import { refuse, type Refusal } from '../../handshake/refusal.ts';
import { acceptanceHead, checkRequest, type AcceptableRequest } from '../../handshake/server.ts';
import { isPromiseLike } from '../../api/ws/hooks.ts';
import { elapsed } from '../../clock.ts';
import { Accepted } from '../shared/sessions.ts';
import { pathOf, refusalFields, refuseProtection, refuseUpgrade, UpgradeTable, type Upgrader } from '../shared/upgrades.ts';
import { QuietEmitter } from './emitter.ts';
import { ServerRequest } from './request.ts';
import { WebSocket } from './websocket.ts';

/** Argument of `verifyClient`. */
export interface VerifyClientInfo {
  /** The Origin field; empty without one. */
  readonly origin: string;
  readonly req: ServerRequest;
}

/** Options of {@link WebSocketServer}. */
export interface WebSocketServerOptions {
  /** The server whose upgrade requests to handle. */
  readonly server: HttpServer | HttpsServer;
  /** The only path to accept, without a query. Default `/`. */
  readonly path?: string | undefined;
  /** Whether `clients` is kept. Default true. */
  readonly clientTracking?: boolean | undefined;
  /** Decides whether a request is accepted: false refuses it. Must be synchronous: a promise is an error. Default: accepts all. */
  readonly verifyClient?: ((info: VerifyClientInfo) => unknown) | undefined;
  /**
   * Selects one of the subprotocols that the client offers. A result that is not a string selects none. Must be synchronous: a promise is
   * an error. Default: selects none.
   */
  readonly handleProtocols?: ((protocols: RequestedProtocols, request: ServerRequest) => unknown) | undefined;
}

/** Arguments of listeners, by event. */
export interface WebSocketServerEvents {
  connection: [socket: WebSocket, request: ServerRequest];
  error: [error: Error];
  close: [];
}

/** The subprotocols that a client offers, the most wanted first. An array that has `has` and `size` of a Set as well. */
export class RequestedProtocols extends Array<string> {
  has(name: string): boolean {
    return this.includes(name);
  }

  get size(): number {
    return this.length;
  }
}

const UPGRADE_REQUIRED = refuse(400, 'websocket upgrade required');
const NOT_FOUND = refuse(404, 'There is no WebSocket at this path');

/** A WebSocketServer as its HTTP server sees it. */
interface Attached extends Upgrader {
  /** Passes on an error of the HTTP server. @returns Whether there is a listener. */
  onServerError(error: Error): boolean;
}

const tables = new WeakMap<HttpServer, UpgradeTable<Attached>>();

/** The WebSocketServers of an HTTP server. */
function tableOf(server: HttpServer): UpgradeTable<Attached> {
  const found = tables.get(server);
  if (found !== undefined) return found;
  const table = new UpgradeTable<Attached>(server, NOT_FOUND);
  tables.set(server, table);
  server.on('error', (error: Error) => {
    const told = [...table.values()].filter((attached) => attached.onServerError(error));
    // As without a WebSocketServer: an error without a listener is thrown.
    if (told.length === 0 && server.listenerCount('error') === 1) throw error;
  });
  // Comes before all listeners of 'request', whenever they are added: a second response to one request would throw.
  const emit = server.emit.bind(server) as (event: string, ...values: unknown[]) => boolean;
  server.emit = ((event: string, ...values: unknown[]) => {
    const [request, response] = values as [IncomingMessage, ServerResponse];
    const isPlainGet = event === 'request' && request.method === 'GET' && table.has(pathOf(request.url ?? ''));
    if (!isPlainGet) return emit(event, ...values);
    response.writeHead(UPGRADE_REQUIRED.status, refusalFields(UPGRADE_REQUIRED)).end(UPGRADE_REQUIRED.reason);
    return true;
  }) as HttpServer['emit'];
  return table;
}

/** A hook has made a request unacceptable. */
class HookError extends Error {}

/** Calls a hook. @throws {HookError} when it returns a promise, because the hooks of JSH are synchronous. */
function callHook<Result>(name: string, hook: () => Result): Result {
  const result = hook();
  if (!isPromiseLike(result)) return result;
  result.then(undefined, () => {});
  throw new HookError(`${name} returned a promise; the hooks of this server are synchronous`);
}

/** Tells a server of node:http or node:https by its members, since it may be of another realm. Servers of node:net lack the last one. */
function isHttpServer(value: unknown): value is HttpServer {
  const { on, emit, closeAllConnections } = (value ?? {}) as Partial<HttpServer>;
  return [on, emit, closeAllConnections].every((member) => typeof member === 'function');
}

function checkHook(name: string, hook: unknown): void {
  if (hook !== undefined && hook !== null && typeof hook !== 'function') {
    throw new TypeError(`WebSocketServer ${name} must be a function`);
  }
}

export class WebSocketServer extends QuietEmitter<WebSocketServerEvents> {
  /** The HTTP server. */
  readonly server: HttpServer | HttpsServer;
  /** The path whose requests are accepted. */
  readonly path: string;
  /** Connected clients; null with `clientTracking: false`. */
  readonly clients: Set<WebSocket> | null;
  /** The options as the program passed them. */
  readonly options: WebSocketServerOptions;
  #isClosed = false;
  readonly #gate: GateCore = new GateCore(null);

  /**
   * Several servers may share an HTTP server, each with a path of its own. Requests for other paths are refused with 404, unless the
   * program has another 'upgrade' listener.
   *
   * @throws {TypeError} without a `server` of node:http or node:https, or for an option of a wrong type.
   * @throws {UsageError} when another server has the path.
   */
  constructor(given: WebSocketServerOptions) {
    super();
    if (typeof given !== 'object' || (given as unknown) === null) {
      throw new TypeError('WebSocketServer options must be an object');
    }
    const settings = ownOptions(given);
    refuseProtection(settings);
    const { server, path = '/', clientTracking = true, verifyClient, handleProtocols } = settings;
    if (!isHttpServer(server)) {
      throw new TypeError('WebSocketServer requires an http.Server instance');
    }
    if (typeof path !== 'string') throw new TypeError('WebSocketServer path must be a string');
    checkHook('verifyClient', verifyClient);
    checkHook('handleProtocols', handleProtocols);
    this.server = server;
    this.path = path;
    this.clients = clientTracking ? new Set() : null;
    this.options = given;
    const table = tableOf(server as HttpServer);
    if (table.has(path)) throw new UsageError(`There is a WebSocketServer at ${path} of this HTTP server already`);
    table.set(path, {
      upgrade: (request, socket, head) => this.#upgrade(request, socket, head),
      onServerError: (error) => this.emit('error', error),
    });
  }

  /** Whether `close` was called. */
  get closed(): boolean {
    return this.#isClosed;
  }

  /**
   * Accepts no more connections, closes those in `clients`, and empties it. The HTTP server goes on.
   *
   * @param callback Called before this returns, after 'close', which is emitted once.
   */
  close(callback?: () => void): this {
    if (!this.#isClosed) {
      this.#isClosed = true;
      // The table goes on listening: without a listener, Node.js would pass upgrade requests on as ordinary ones.
      tableOf(this.server as HttpServer).delete(this.path);
      for (const client of this.clients ?? []) client.close();
      this.emit('close');
    }
    callback?.();
    return this;
  }

  /** Numbers of the requests and connections so far. docs/observability.md has the table. */
  metrics(): ServerMetrics {
    return serverMetrics(this.#gate.meter);
  }

  /**
   * Closes all clients with 1001, also with `clientTracking: false`, waits for their end, then closes as {@link close}. New requests get a 503
   * meanwhile. Beyond JSH.
   *
   * @throws {RangeError | TypeError} for an option of no use. The promise is rejected.
   */
  async shutdown(options?: ShutdownOptions | null): Promise<ShutdownResult> {
    const result = await this.#gate.shutdown(options);
    this.close();
    return result;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array): void {
    if (this.#gate.isShuttingDown) return this.#refuse(socket, 'shutdown', SHUTTING_DOWN);
    const begin = elapsed();
    const check = checkRequest(request);
    if (!check.accepted) return this.#refuse(socket, 'request', check);
    if (!socket.readable || !socket.writable) return void socket.destroy();
    const helper = new ServerRequest(request);
    let protocol: string;
    try {
      if (!this.#verify(check, helper)) {
        return this.#refuse(socket, 'verifyClient', refuse(403, 'websocket upgrade rejected'));
      }
      protocol = this.#selectProtocol(check.protocols, helper);
    } catch (error) {
      // An exception of a hook may contain secrets. Our own does not.
      const reason = error instanceof HookError ? error.message : 'The request could not be handled';
      this.#refuse(socket, 'hook', refuse(500, reason));
      this.emit('error', toError(error));
      return;
    }
    socket.write(formatHead(acceptanceHead({ key: check.key, protocol })), 'latin1');
    const onClosed = (closed: WebSocket): void => void this.clients?.delete(closed);
    const ws = new WebSocket(new Accepted({ url: helper.url, protocol, socket, onClosed }) as never);
    this.#gate.pass(undefined, begin).admit(ws._session);
    this.clients?.add(ws);
    this.emit('connection', ws, helper);
    if (ws.readyState === WebSocket.OPEN) ws.emit('open');
    ws._start(head);
  }

  #refuse(socket: Duplex, reason: RefusalReason, answer: Refusal): void {
    this.#gate.meter.refused(reason, undefined);
    refuseUpgrade(socket, answer);
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
    // A client that offers none must not get one (RFC 6455 section 4.2.2).
    if (typeof chosen !== 'string' || chosen === '' || asked.length === 0) return '';
    if (!asked.includes(chosen)) throw new HookError('handleProtocols chose a subprotocol that the client has not asked for');
    return chosen;
  }
}

/** A listener of 'connection' for one path. */
export type ConnectionHandler = (socket: WebSocket, request: ServerRequest) => unknown;

/** The options of a WebSocketServer, without those that the route sets. */
export type RouteOptions = Omit<WebSocketServerOptions, 'server' | 'path'>;

/** The method that {@link withWebSockets} adds to an HTTP server. */
export interface WebSocketRoutes {
  /**
   * Makes a WebSocketServer for a path.
   *
   * @throws {TypeError} when `handler` is not a function. Also throws as the constructor of WebSocketServer does.
   */
  ws(path: string, handler: ConnectionHandler): WebSocketServer;
  ws(path: string, options: RouteOptions, handler: ConnectionHandler): WebSocketServer;
}

/**
 * Adds the method `ws` of JSH's HTTP server to an HTTP server.
 *
 * @returns The same server.
 */
export function withWebSockets<Server extends HttpServer | HttpsServer>(server: Server): Server & WebSocketRoutes {
  return Object.assign(server, {
    ws(path: string, options: RouteOptions | ConnectionHandler, handler?: ConnectionHandler): WebSocketServer {
      const [settings, listener] = typeof options === 'function' ? [{}, options] : [options, handler];
      if (typeof listener !== 'function') throw new TypeError('server.ws handler must be a function');
      return new WebSocketServer({ ...settings, server, path }).on('connection', listener);
    },
  });
}
