// Passes the requests of a server to handlers, by path and subprotocol.

import { isRegExp } from '../../base/realms.ts';
import { TypedEmitter } from '../../api/ws/emitter.ts';
import { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { UrlWithParsedQuery } from 'node:url';
import type { WebSocketConnection } from './connection.ts';
import type { WebSocketRequest } from './request.ts';
import type { WebSocketServer } from './server.ts';
import type { ICookie, RequestedExtension } from './types.ts';

/** Arguments of the events of a router's request. */
export interface RouterRequestEvents {
  requestAccepted: [connection: WebSocketConnection];
  requestRejected: [request: WebSocketRouterRequest];
}

export class WebSocketRouterRequest extends TypedEmitter<RouterRequestEvents> {
  /** The request itself. */
  webSocketRequest: WebSocketRequest;
  /** The subprotocol that selected the handler; null when the client offers none. */
  protocol: string | null;
  origin: string;
  resource: string;
  resourceURL: UrlWithParsedQuery;
  httpRequest: IncomingMessage;
  remoteAddress: string;
  webSocketVersion: number;
  requestedExtensions: RequestedExtension[];
  cookies: ICookie[];

  constructor(request: WebSocketRequest, protocol: string | null) {
    super();
    this.webSocketRequest = request;
    this.protocol = protocol;
    this.origin = request.origin;
    this.resource = request.resource;
    this.resourceURL = request.resourceURL;
    this.httpRequest = request.httpRequest;
    this.remoteAddress = request.remoteAddress;
    this.webSocketVersion = request.webSocketVersion;
    this.requestedExtensions = request.requestedExtensions;
    this.cookies = request.cookies;
  }

  /** Opens the connection, with {@link protocol}. See {@link WebSocketRequest.accept}. */
  accept(origin?: string | null, cookies?: ICookie[]): WebSocketConnection {
    const connection = this.webSocketRequest.accept(this.protocol, origin, cookies);
    this.emit('requestAccepted', connection);
    return connection;
  }

  /** See {@link WebSocketRequest.reject}. */
  reject(status?: number, reason?: string, extraHeaders?: object): void {
    this.webSocketRequest.reject(status, reason, extraHeaders);
    this.emit('requestRejected', this);
  }
}

export interface IRouterConfig {
  /** The server whose requests are routed. Left out: call `attachServer` later. */
  server: WebSocketServer;
}

type Callback = (request: WebSocketRouterRequest) => unknown;

export interface IRouterHandler {
  path: RegExp;
  pathString: string;
  protocol: string;
  callback: Callback;
}

/** Stands for "offers no subprotocol" among the names of subprotocols. */
const NO_PROTOCOL = '____no_protocol____';
/** Characters with a meaning in regular expressions. */
const SPECIAL = new Set('\\^$.*+?()[]{}|/-');

function protocolKey(protocol: string | null | undefined): string {
  return protocol ? protocol.toLowerCase() : NO_PROTOCOL;
}

export class WebSocketRouter extends EventEmitter {
  config: { server: WebSocketServer | null };
  /** Null after `detachServer`. */
  declare server: WebSocketServer | null;
  handlers: IRouterHandler[] = [];
  readonly #onRequest = (request: WebSocketRequest): unknown => this.handleRequest(request);

  constructor(config?: Partial<IRouterConfig>) {
    super();
    this.config = { server: config?.server ?? null };
    if (config?.server) this.attachServer(config.server);
  }

  /** @throws {Error} without a server. */
  attachServer(server: WebSocketServer): void {
    if (!server) throw new Error('You must specify a WebSocketServer instance to attach to.');
    this.server = server;
    server.on('request', this.#onRequest);
  }

  /** @throws {Error} when none is attached. */
  detachServer(): void {
    if (!this.server) throw new Error('Cannot detach from server: not attached.');
    this.server.removeListener('request', this.#onRequest);
    this.server = null;
  }

  /**
   * Adds a handler. A request goes to the first handler of its path, for the first of its subprotocols that has one.
   *
   * @param path The whole path, `'*'` for every path, or an expression to search for in it.
   * @param protocol A subprotocol, `'*'` for any or none, null for requests that offer none.
   * @throws {Error} without a `path` or `callback`, or when there is a handler for the pair.
   */
  mount(path: string | RegExp, protocol: string | null | undefined, callback: Callback): void {
    if (!path) throw new Error('You must specify a path for this handler.');
    if (!callback) throw new Error('You must specify a callback for this handler.');
    const expression = this.pathToRegExp(path);
    const key = protocolKey(protocol);
    const pathString = expression.toString();
    if (this.findHandlerIndex(pathString, key) !== -1) {
      throw new Error('You may only mount one handler per path/protocol combination.');
    }
    this.handlers.push({ path: expression, pathString, protocol: key, callback });
  }

  /** Removes a handler. @throws {Error} when there is none. */
  unmount(path: string | RegExp, protocol?: string | null): void {
    const index = this.findHandlerIndex(this.pathToRegExp(path).toString(), protocolKey(protocol));
    if (index === -1) throw new Error('Unable to find a route matching the specified path and protocol.');
    this.handlers.splice(index, 1);
  }

  findHandlerIndex(pathString: string, protocol: string): number {
    const key = protocol.toLowerCase();
    return this.handlers.findIndex((handler) => handler.pathString === pathString && handler.protocol === key);
  }

  /** The expression that matches a path. @throws {Error} when `path` is neither a string nor an expression. */
  pathToRegExp(path: string | RegExp): RegExp {
    if (isRegExp(path)) return path;
    if (typeof path !== 'string') throw new Error('Path must be specified as either a string or a RegExp.');
    if (path === '*') return /^.*$/;
    let escaped = '';
    for (const character of path) escaped += SPECIAL.has(character) ? `\\${character}` : character;
    return new RegExp(`^${escaped}$`);
  }

  /** Calls the handler of a request; rejects with status 404 without one. @returns The result of the handler. */
  handleRequest(request: WebSocketRequest): unknown {
    const { requestedProtocols } = request;
    const protocols = requestedProtocols.length > 0 ? requestedProtocols : [NO_PROTOCOL];
    const pathname = request.resourceURL.pathname ?? '';
    for (const protocol of protocols) {
      for (const handler of this.handlers) {
        // Not `test`: with the flag g it continues after the last match.
        if (pathname.search(handler.path) === -1) continue;
        if (handler.protocol !== protocol && handler.protocol !== '*') continue;
        return handler.callback(new WebSocketRouterRequest(request, protocol === NO_PROTOCOL ? null : protocol));
      }
    }
    request.reject(404, 'No handler is available for the given request.');
    return undefined;
  }
}
