// The ws-style WebSocketServer. The runtime provides the HTTP server and the sessions over sockets.
// The contract of the class is that of ws 8.

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { heartbeatSettings } from '../../protocol/heartbeat.ts';
import { GateCore } from '../../admission/gate-core.ts';
import { serverMetrics, type ServerMetrics } from '../../admission/metrics.ts';
import type { ShutdownOptions, ShutdownResult } from '../../admission/shutdown.ts';
import { serverRuntimeOf } from './binding.ts';
import { TypedEmitter } from './emitter.ts';
import {
  checkServerTls,
  readDeflateSetting,
  type ServerOptions,
  type SocketClass,
  type StandaloneServerOptions,
  wsOptions,
} from './options.ts';
import { checkAllowedOrigins } from './origins.ts';
import { closeServer, serverCoreOf, type HttpServer } from './server-core.ts';
import type { AddressInfo, ServerEvents } from './types.ts';
import { Upgrade, type AcceptedExtensions, type Connected as AnyConnected } from './upgrade.ts';
import type { WebSocketBase } from './websocket.ts';
import { nextTick } from '../../clock.ts';
import { DEFAULT_CLOSE_TIMEOUT, DEFAULT_MAX_PAYLOAD, readOptions } from '../../base/options.ts';

type RequestClass = typeof IncomingMessage;
type Connected<Socket, Request> = (ws: Socket, request: Request) => void;

/** Defaults that `options` shows. */
const DEFAULTS = {
  allowSynchronousEvents: true,
  autoPong: true,
  backlog: null,
  clientTracking: true,
  closeTimeout: DEFAULT_CLOSE_TIMEOUT,
  handleProtocols: null,
  host: null,
  maxPayload: DEFAULT_MAX_PAYLOAD,
  noServer: false,
  path: null,
  perMessageDeflate: false,
  port: null,
  server: null,
  skipUTF8Validation: false,
  verifyClient: null,
};

export abstract class WebSocketServerBase<Socket extends SocketClass, Request extends RequestClass> extends TypedEmitter<
  ServerEvents<InstanceType<Socket>, InstanceType<Request>>
> {
  /** Open connections; undefined with `clientTracking: false`, which the types of ws do not tell. */
  declare clients: Set<InstanceType<Socket>>;
  /** The options with their defaults. Hooks are looked up here for each request. */
  options: ServerOptions<Socket, Request>;
  /** Never set, as in ws; see `options.path`. */
  declare path: string;

  /**
   * @param WebSocket The class to construct unless the program names another.
   * @throws {TypeError} unless exactly one of `port`, `unix`, `server` and `noServer` is given, and for an option that cannot be used.
   */
  constructor(
    WebSocket: new (address: null) => WebSocketBase,
    options?: StandaloneServerOptions<Socket, Request>,
    onListening?: () => void,
  ) {
    super();
    const runtime = serverRuntimeOf(this);
    checkServerTls(options);
    const given = wsOptions(readOptions(options));
    const settings = { __proto__: null, ...DEFAULTS, WebSocket, ...given } as unknown as ServerOptions<Socket, Request>;
    const { port = null, server, noServer, clientTracking } = settings;
    if ([port !== null, server, noServer].filter(Boolean).length !== 1) {
      throw new TypeError('One and only one of the "port", "server", or "noServer" options must be specified');
    }
    if (server && typeof server.on !== 'function') throw new TypeError('The "server" option must be an HTTP server');
    runtime.checkDeflateOptions(readDeflateSetting(settings.perMessageDeflate));
    heartbeatSettings(settings.heartbeat);
    checkAllowedOrigins(settings.allowedOrigins);
    this.options = settings;
    const core = serverCoreOf(this);
    core.gate = new GateCore(settings);
    core.gate.server = this;
    if (clientTracking) this.clients = new Set();
    if (noServer) return;
    const { unix } = settings as StandaloneServerOptions;
    const onRefusal = (): void => core.gate.meter.tally('refused', 'request');
    if (!server) core.ownServer = runtime.createHttpServer(settings as StandaloneServerOptions, onRefusal);
    core.httpServer = server ?? core.ownServer!;
    if (port !== null) core.httpServer.listen(unix ?? port, settings.host, settings.backlog, onListening);
    core.listeners = {
      listening: () => this.emit('listening'),
      error: (error: Error) => this.emit('error', error),
      upgrade: (request: InstanceType<Request>, socket: Duplex, head: Buffer) =>
        this.handleUpgrade(request, socket, head, (ws, message) => this.emit('connection', ws, message)),
    };
    for (const [event, listener] of Object.entries(core.listeners)) core.httpServer.on(event, listener);
  }

  /** The address that the server listens on; null if it does not listen. @throws {Error} with `noServer`. */
  address(): AddressInfo | string | null {
    if (this.options.noServer) throw new Error('The server is operating in "noServer" mode');
    return serverCoreOf(this).httpServer?.address() ?? null;
  }

  /** The HTTP server, or null. Not in ws's documented API, but programs read its address. @internal */
  get _server(): HttpServer | null {
    return serverCoreOf(this).httpServer;
  }

  /** @internal */
  set _server(value: unknown) {
    // Programs written for ws store their own properties on servers.
    Object.defineProperty(this, '_server', { configurable: true, enumerable: true, value, writable: true });
  }

  /**
   * Accepts no more connections. Open connections stay; requests whose hooks have not answered get a 503. An HTTP server that this server made is closed; another one loses our listeners only.
   *
   * @param callback Called with the 'close' event, or with an error when the server was closed already.
   */
  close(callback?: (error?: Error) => void): void {
    const core = serverCoreOf(this);
    const emitClose = (): void => {
      core.state = 'closed';
      try {
        this.emit('close');
      } finally {
        core.onClosed?.();
      }
    };
    if (core.state === 'closed') {
      if (callback) this.once('close', () => callback(new Error('The server is not running')));
      nextTick(emitClose);
      return;
    }
    if (callback) this.once('close', callback);
    if (core.state === 'closing') return;
    core.state = 'closing';
    // Not when their hooks answer, which may be never.
    core.gate.refusePending('closed');
    const server = core.httpServer;
    core.httpServer = null;
    if (server !== null && !core.gate.isShuttingDown) core.detach(server);
    if (server !== null && !this.options.server) closeServer(server, emitClose);
    else if ((this.clients as Set<unknown> | undefined)?.size) core.onLastClientClosed = emitClose;
    else nextTick(emitClose);
  }

  /**
   * Shuts the server down in order: accepts no more connections, closes those that are open, and waits for their closing handshakes and for
   * messages that still wait. Drops the remaining connections after `timeout`. Resolves after the 'close' event.
   *
   * A server that listens by itself stops listening. Behind another HTTP server, and with `noServer`, new upgrade requests get a 503 with
   * `Retry-After` until that server is closed, which is for the program to do. So do requests whose hooks have not answered.
   *
   * A second call joins the first. It may bring a `signal`.
   *
   * @throws {RangeError | TypeError} for an option of no use. The promise is rejected, and nothing happens.
   */
  async shutdown(options?: ShutdownOptions | null): Promise<ShutdownResult> {
    const core = serverCoreOf(this);
    const drained = core.gate.shutdown(options);
    core.shutdown ??= shutDown(this, drained);
    return await core.shutdown;
  }

  /** {@link shutdown} with the defaults, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { options } = this;
    await this.shutdown();
    if (options.server) serverCoreOf(this).detach(options.server);
  }

  /** Numbers of the server so far: connections, messages, bytes, refusals, times. docs/observability.md has the table. */
  metrics(): ServerMetrics {
    return serverMetrics(serverCoreOf(this).gate.meter);
  }

  /** Whether a request is for this server: by `path`. Override to decide otherwise; a promise is awaited. */
  shouldHandle(request: InstanceType<Request>): boolean | Promise<boolean> {
    const { path } = this.options;
    if (!path) return true;
    const url = request.url ?? '';
    const query = url.indexOf('?');
    return (query === -1 ? url : url.slice(0, query)) === path;
  }

  /**
   * Answers an upgrade request and makes a WebSocket of it, or refuses it. Hooks that return a promise are awaited; the client gets a
   * 500 when one throws or rejects.
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
    new Upgrade(this, { request, socket, head, callback: callback as AnyConnected }).start();
  }

  /**
   * The second half of {@link handleUpgrade}, once the request was checked and accepted. Not in ws's documented API, but programs wrap it.
   *
   * @internal
   */
  completeUpgrade(
    extensions: AcceptedExtensions,
    key: string,
    protocols: Set<string>,
    request: InstanceType<Request>,
    socket: Duplex,
    head: Uint8Array,
    callback: Connected<InstanceType<Socket>, InstanceType<Request>>,
  ): void {
    const connected = (ws: WebSocketBase, message: IncomingMessage): void => {
      const clients = this.clients as Set<unknown> | undefined;
      if (clients !== undefined) {
        clients.add(ws);
        ws.on('close', serverCoreOf(this).onClientClose);
      }
      callback(ws as InstanceType<Socket>, message as InstanceType<Request>);
    };
    const upgrade = new Upgrade(this, { request, socket, head, callback: connected });
    upgrade.complete(extensions, key, protocols);
  }
}

async function shutDown(
  server: Pick<WebSocketServerBase<SocketClass, RequestClass>, 'close'>,
  drained: Promise<ShutdownResult>,
): Promise<ShutdownResult> {
  const core = serverCoreOf(server);
  const closed = core.state === 'closed' ? undefined : new Promise<void>((resolve) => (core.onClosed = resolve));
  if (core.state === 'running') server.close();
  const result = await drained;
  // Connections that were kept alive for further requests.
  core.ownServer?.closeAllConnections?.();
  core.endWaiting();
  await closed;
  return result;
}
