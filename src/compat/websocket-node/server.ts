// The server of WebSocket-Node: passes the upgrade requests of HTTP servers to the program, and keeps its connections.

import type { Buffer } from 'node:buffer';
import { captureRejectionSymbol } from 'node:events';
import type { IncomingMessage, Server as HttpServer } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import { GateCore, SHUTTING_DOWN } from '../../admission/gate-core.ts';
import { serverMetrics, type ServerMetrics } from '../../admission/metrics.ts';
import type { ShutdownOptions, ShutdownResult } from '../../admission/shutdown.ts';
import { TypedEmitter } from '../../api/ws/emitter.ts';
import { refuseProtection } from '../shared/upgrades.ts';
import type { WebSocketConnection } from './connection.ts';
import { HandshakeError, WebSocketRequest } from './request.ts';
import type { IServerConfig, IStringified } from './types.ts';
import { elapsed, nextTick } from '../../clock.ts';
import { readOptionsOver } from '../../base/options.ts';

/** Arguments of the events of a server. */
export interface ServerEvents {
  /** A client asks for a connection. Not emitted with `autoAcceptConnections`. */
  request: [request: WebSocketRequest];
  connect: [connection: WebSocketConnection];
  close: [connection: WebSocketConnection, code: number, description: string];
  /** A request was refused because RFC 6455 does not allow it, or because `accept` threw. */
  upgradeError: [error: Error];
}

const DEFAULTS = {
  httpServer: null,
  maxReceivedFrameSize: 65536,
  maxReceivedMessageSize: 1048576,
  fragmentOutgoingMessages: true,
  fragmentationThreshold: 16384,
  keepalive: true,
  keepaliveInterval: 20000,
  dropConnectionOnKeepaliveTimeout: true,
  keepaliveGracePeriod: 10000,
  useNativeKeepalive: false,
  assembleFragments: true,
  autoAcceptConnections: false,
  ignoreXForwardedFor: false,
  parseCookies: true,
  parseExtensions: true,
  disableNagleAlgorithm: true,
  closeTimeout: 5000,
};

type Http = HttpServer | HttpsServer;

export class WebSocketServer extends TypedEmitter<ServerEvents> {
  /** With its defaults filled in; unset before `mount`. `httpServer` is an array in it. */
  config: IServerConfig | undefined = undefined;
  /** Open connections. */
  connections: WebSocketConnection[] = [];
  /** Requests that were neither accepted nor rejected yet. */
  pendingRequests: WebSocketRequest[] = [];
  readonly #gate: GateCore = new GateCore(null);
  readonly #onUpgrade = (request: IncomingMessage, socket: Socket, head?: Buffer): void => {
    this.handleUpgrade(request, socket, head);
  };

  /** @param config Argument of {@link mount}. Left out: call it later. */
  constructor(config?: IServerConfig) {
    super({ captureRejections: true });
    const hearRejection = (error: unknown, _event: string, request: unknown): Promise<void> =>
      this.#hearRejection(error, request);
    Object.defineProperty(this, captureRejectionSymbol, { value: hearRejection });
    if (config) this.mount(config);
  }

  /**
   * Starts to take the upgrade requests of `config.httpServer`.
   *
   * @throws {Error} without one.
   * @throws {TypeError} for an option that only the main entry point has.
   */
  mount(config: IServerConfig): void {
    if (!config?.httpServer) throw new Error('You must specify an httpServer on which to mount the WebSocket server.');
    const servers: Http[] = [config.httpServer].flat();
    const settings = readOptionsOver<IServerConfig>(DEFAULTS, config);
    refuseProtection(settings);
    this.config = Object.assign(settings, { httpServer: servers });
    for (const server of servers) server.on('upgrade', this.#onUpgrade as never);
  }

  /** Takes no more requests. Connections stay. */
  unmount(): void {
    for (const server of (this.config?.httpServer ?? []) as Http[]) server.removeListener('upgrade', this.#onUpgrade as never);
  }

  /** Starts the closing handshake on all connections, and rejects all pending requests with status 503. */
  closeAllConnections(): void {
    for (const connection of this.connections.slice()) connection.close();
    for (const request of this.pendingRequests.slice()) {
      nextTick(() => {
        if (request._resolved) return;
        request._refusalReason = 'closed';
        request.reject(503);
      });
    }
  }

  /** Sends a message to all connections: bytes for a Buffer, text for the rest. */
  broadcast(data: Buffer | IStringified): void {
    for (const connection of this.connections.slice()) connection.send(data);
  }

  /** Sends text to all connections. */
  broadcastUTF(data: IStringified): void {
    const text = data.toString();
    for (const connection of this.connections.slice()) connection.sendUTF(text);
  }

  /** Sends bytes to all connections. */
  broadcastBytes(data: Buffer): void {
    for (const connection of this.connections.slice()) connection.sendBytes(data);
  }

  /** Numbers of the requests and connections so far. docs/observability.md has the table. */
  metrics(): ServerMetrics {
    return serverMetrics(this.#gate.meter);
  }

  /** {@link unmount} and {@link closeAllConnections}. */
  shutDown(): void;
  /**
   * Closes all connections with 1001, spread over time, and waits for their end. New requests, and those that were not accepted yet, get a
   * 503; {@link unmount} comes last. Beyond WebSocket-Node.
   *
   * @throws {RangeError | TypeError} for an option of no use. The promise is rejected.
   */
  shutDown(options: ShutdownOptions): Promise<ShutdownResult>;
  shutDown(options?: ShutdownOptions): Promise<ShutdownResult> | void {
    if (options !== undefined) return this.#shutDown(options);
    this.unmount();
    this.closeAllConnections();
  }

  async #shutDown(options: ShutdownOptions): Promise<ShutdownResult> {
    const drained = this.#gate.shutdown(options);
    for (const request of this.pendingRequests.slice()) request.reject(503);
    const result = await drained;
    this.unmount();
    return result;
  }

  /** Listener of an HTTP server's 'upgrade'. @param head Bytes that came after the request. */
  handleUpgrade(httpRequest: IncomingMessage, socket: Socket, head?: Uint8Array): void {
    const begin = elapsed();
    const config = this.config!;
    const request = new WebSocketRequest(socket, httpRequest, config, head);
    request._onRefused = () => {
      if (this.#gate.isShuttingDown) request._refusalReason = 'shutdown';
      else if (request._refusal !== undefined) request._refusalReason = 'hook';
      this.#gate.meter.refused(request._refusalReason, undefined);
    };
    // Another server on the HTTP server may have accepted it.
    if (this.#gate.isShuttingDown) return request.reject(503, SHUTTING_DOWN.reason, SHUTTING_DOWN.headers);
    try {
      request.readHandshake();
    } catch (error) {
      const fault = error as HandshakeError;
      request.reject(fault.httpCode, fault.message, fault.headers);
      this.emit('upgradeError', fault);
      return;
    }
    if (!request._isAnswered) this.pendingRequests.push(request);
    request.once('requestAccepted', (connection) => this.handleRequestAccepted(connection, begin));
    request._onSettled = () => this.handleRequestResolved(request);
    request._refusalReason = 'verifyClient';
    if (!config.autoAcceptConnections && this.listenerCount('request') > 0) {
      this.#offer(request);
    } else if (config.autoAcceptConnections) {
      request.accept(request.requestedProtocols[0], request.origin);
    } else {
      request._refusalReason = 'path';
      request.reject(404, 'No handler is configured to accept the connection.');
    }
  }

  /** An exception of `accept` that the program does not catch must not end the process, because any client can cause it. */
  #offer(request: WebSocketRequest): void {
    try {
      this.emit('request', request);
    } catch (error) {
      if (error !== request._refusal) throw error;
      this.emit('upgradeError', error);
    }
  }

  /** The same for 'request' listeners that are async functions. Passes all other rejections on. */
  #hearRejection(error: unknown, request: unknown): Promise<void> {
    if (!(request instanceof WebSocketRequest) || error !== request._refusal) return Promise.reject(error);
    this.emit('upgradeError', error);
    return Promise.resolve();
  }

  /** @param begin When the request came, by the clock of `elapsed`; left out if that is not known. */
  handleRequestAccepted(connection: WebSocketConnection, begin?: number): void {
    connection.once('close', (code, description) => this.handleConnectionClose(connection, code, description));
    this.connections.push(connection);
    // A client that was reset before the program accepted it: its socket reports no end any more.
    if (!connection.socket.destroyed) {
      this.#gate.pass(undefined, begin).admit(connection._session, {
        close: (code, reason) => connection.close(code, new TextDecoder().decode(reason)),
        terminate: () => connection._session.terminate(),
      });
    }
    this.emit('connect', connection);
  }

  handleConnectionClose(connection: WebSocketConnection, code: number, description: string): void {
    const index = this.connections.indexOf(connection);
    if (index !== -1) this.connections.splice(index, 1);
    this.emit('close', connection, code, description);
  }

  handleRequestResolved(request: WebSocketRequest): void {
    const index = this.pendingRequests.indexOf(request);
    if (index !== -1) this.pendingRequests.splice(index, 1);
  }
}
