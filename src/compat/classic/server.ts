// The Server of ws 0.4. It follows RFC 6455 section 4.2, and hixie-76 for clients that support nothing newer.

import { Buffer } from 'node:buffer';
import http, { type IncomingMessage, type Server as HttpServer } from 'node:http';
import type { Duplex } from 'node:stream';
import { GateCore, SHUTTING_DOWN, type Pass } from '../../admission/gate-core.ts';
import { serverMetrics, type ServerMetrics } from '../../admission/metrics.ts';
import type { RefusalReason } from '../../base/meter.ts';
import type { ShutdownOptions, ShutdownResult } from '../../admission/shutdown.ts';
import { TypedEmitter } from '../../api/ws/emitter.ts';
import { holdPass } from '../../api/ws/end-socket.ts';
import { formatHead } from '../../handshake/headers.ts';
import { refuse, type Refusal } from '../../handshake/refusal.ts';
import { acceptanceHead, checkRequest, type AcceptableRequest } from '../../handshake/server.ts';
import { answerUpgradeRequired } from '../../nodejs/upgrade-required.ts';
import {
  challengeAnswer,
  checkHixieRequest,
  hixieHead,
  isHixieRequest,
  readBody,
  type HixieRequest,
} from './hixie-76-handshake.ts';
import { isPromiseLike } from '../../api/ws/hooks.ts';
import { pathOf, refuseProtection, refuseUpgrade, UpgradeTable, type Answer, type Upgrader } from '../shared/upgrades.ts';
import type { ServerEvents, ServerOptions, VerifyClientInfo } from './types.ts';
import { WebSocket } from './websocket.ts';
import { clearTimer, elapsed, setTimer } from '../../clock.ts';
import { readOptionsOver } from '../../base/options.ts';

const DEFAULT_HANDSHAKE_TIMEOUT = 10_000;
const DEFAULTS = { host: '0.0.0.0', noServer: false, disableHixie: false, clientTracking: true };

const tables = new WeakMap<HttpServer, UpgradeTable<Upgrader>>();

/**
 * Passes the upgrade requests for `path` to `upgrader`; without a path, all requests that no other server has.
 *
 * @returns A function that undoes this.
 * @throws {Error} when another server has the same path.
 */
function shareUpgrades(server: HttpServer, path: string | undefined, upgrader: Upgrader): () => void {
  const table = tables.get(server) ?? new UpgradeTable(server, refuse(400, 'Bad Request'));
  if (table.has(path)) throw new Error('two instances of WebSocketServer cannot listen on the same http server path');
  tables.set(server, table.set(path, upgrader));
  return () => {
    table.delete(path);
    if (table.size > 0) return;
    table.detach();
    tables.delete(server);
  };
}

const refuseAtShutdown = (socket: Duplex): void => refuseUpgrade(socket, SHUTTING_DOWN);

/** Sockets that a server has handled. */
const taken = new WeakSet<Duplex>();

/** An upgrade under way. */
interface Upgrade {
  readonly pass: Pass;
  readonly check: AcceptableRequest | HixieRequest;
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Uint8Array;
  readonly onError: () => void;
  readonly callback: (ws: WebSocket) => void;
}

export class Server extends TypedEmitter<ServerEvents> {
  /** The options with their defaults. Hooks are looked up here for each request. */
  options: ServerOptions;
  /** The only path whose requests are accepted; undefined for any. */
  readonly path: string | undefined;
  /** Open connections; empty with `clientTracking: false`. */
  clients: WebSocket[] = [];
  /** The HTTP server. Undocumented, but programs read the number of its port. @internal */
  _server: HttpServer | undefined;
  #isClosed = false;
  readonly #gate: GateCore = new GateCore(null);
  /** Undo the work of the constructor. */
  readonly #undo: (() => void)[] = [];

  /**
   * @param callback Called when an HTTP server of our own, for `port`, listens.
   * @throws {TypeError} without `port`, `server` and `noServer`.
   * @throws {Error} when another server has the same path on the same HTTP server.
   */
  constructor(options?: ServerOptions | null, callback?: () => void) {
    super();
    const settings: ServerOptions = readOptionsOver<ServerOptions>(DEFAULTS, options);
    refuseProtection(settings);
    const { host, port = null, server } = settings;
    if (port === null && !server && !settings.noServer) throw new TypeError('`port` or a `server` must be provided');
    this.options = settings;
    this.path = settings.path || undefined;
    if (port !== null) {
      const own = http.createServer(answerUpgradeRequired);
      this.#use(own);
      this.#undo.push(() => void own.close());
      own.listen(port, host, callback);
    } else if (server) {
      this.#use(server as HttpServer);
    }
  }

  /**
   * Accepts no more connections and terminates all clients. Requests whose hooks have not answered get a 503. Closes an HTTP server of its own; stops listening to another one.
   *
   * @param code Close code of a Close frame that is sent to each client before. Left out: none is sent.
   * @param data The close reason.
   * @throws {Error} for a code or a reason that must not be sent; then nothing happens.
   */
  close(code?: number, data?: string | Buffer): void {
    if (this.#isClosed) return;
    const clients = this.clients.slice();
    // First, because it throws for a code that must not be sent.
    if (code !== undefined) for (const client of clients) client.close(code, data);
    this.#isClosed = true;
    for (const client of clients) client.terminate();
    this.#gate.refusePending('closed');
    for (const undo of this.#undo) undo();
  }

  /** Numbers of the requests and connections so far. docs/observability.md has the table. */
  metrics(): ServerMetrics {
    return serverMetrics(this.#gate.meter);
  }

  /**
   * Closes all clients with 1001, also with `clientTracking: false`, waits for their end, then closes as {@link close}. An HTTP server of its own
   * stops listening first; behind another one, new requests get a 503 meanwhile. So do requests whose hooks have not answered. Beyond ws 0.4.
   *
   * @throws {RangeError | TypeError} for an option of no use. The promise is rejected.
   */
  async shutdown(options?: ShutdownOptions | null): Promise<ShutdownResult> {
    const drained = this.#gate.shutdown(options);
    const own = this.options.port === undefined ? undefined : this._server;
    if (!this.#isClosed) own?.close();
    const result = await drained;
    this.close();
    own?.closeAllConnections();
    return result;
  }

  /**
   * Accepts an upgrade request and makes a WebSocket, or refuses the request.
   *
   * @param socket The socket of the request: a `net.Socket`, a `tls.TLSSocket` or any Duplex.
   * @param upgradeHead Bytes that came with the request. Kept.
   * @param callback Called with the WebSocket, before any of its messages.
   * @throws {Error} when the socket was passed before.
   */
  handleUpgrade(request: IncomingMessage, socket: Duplex, upgradeHead: Uint8Array, callback: (ws: WebSocket) => void): void {
    if (taken.has(socket)) throw new Error('handleUpgrade() was called more than once with the same socket');
    taken.add(socket);
    const onError = (): void => void socket.destroy();
    socket.on('error', onError);
    if (this.#gate.isShuttingDown) {
      this.#gate.meter.refused('shutdown', undefined);
      return refuseUpgrade(socket, SHUTTING_DOWN);
    }
    const pass = this.#gate.pass(undefined, elapsed());
    try {
      this.#start(pass, { request, socket, upgradeHead, onError, callback });
    } finally {
      if (pass.session === undefined) holdPass(pass, socket, refuseAtShutdown);
    }
  }

  #start(
    pass: Pass,
    { request, socket, upgradeHead, ...rest }: Omit<Upgrade, 'pass' | 'check' | 'head'> & { readonly upgradeHead: Uint8Array },
  ): void {
    if (this.path !== undefined && pathOf(request.url ?? '') !== this.path) {
      return this.#refuse({ socket, pass }, 'path', refuse(400, 'Bad Request'));
    }
    const check = this.#check(request);
    if (!check.accepted) return this.#refuse({ socket, pass }, 'request', check);
    // Copied: a hook may take long, and a view would keep the memory of the whole chunk.
    const upgrade = { ...rest, pass, check, request, socket, head: Buffer.from(upgradeHead) };
    this.#verify(upgrade, () => this.#selectProtocol(upgrade, (protocol) => this.#complete(upgrade, protocol)));
  }

  #use(server: HttpServer): void {
    this._server = server;
    const leave = shareUpgrades(server, this.path, {
      upgrade: (request, socket, head) => {
        if (taken.has(socket)) return;
        this.handleUpgrade(request, socket, head, (ws) => {
          this.emit(`connection${pathOf(request.url ?? '')}`, ws);
          this.emit('connection', ws);
        });
      },
    });
    const onListening = (): void => void this.emit('listening');
    const onError = (error: Error): void => void this.emit('error', error);
    server.once('listening', onListening).on('error', onError);
    this.#undo.push(leave, () => void server.removeListener('listening', onListening).removeListener('error', onError));
  }

  /** Does nothing for a client that has left, or was refused before. */
  #refuse({ socket, pass }: Pick<Upgrade, 'socket' | 'pass'>, reason: RefusalReason, answer: Answer): void {
    if (!socket.writable) return;
    pass.refuse(reason);
    refuseUpgrade(socket, answer);
  }

  #check(request: IncomingMessage): AcceptableRequest | HixieRequest | Refusal {
    if (!isHixieRequest(request)) return checkRequest(request);
    if (this.options.disableHixie) return refuse(401, 'Hixie support disabled');
    return checkHixieRequest(request, isSecure(request));
  }

  #verify(upgrade: Upgrade, complete: () => void): void {
    const { check, request } = upgrade;
    const { verifyClient } = this.options;
    if (!verifyClient) return complete();
    const info: VerifyClientInfo = { origin: check.origin, secure: isSecure(request), req: request };
    const decide = once((ok: boolean, decision: RefusalReason, status: number = 401, reason?: string) => {
      if (ok) complete();
      else this.#refuse(upgrade, decision, { status, reason });
    });
    const settle = (ok: boolean, status?: number, reason?: string): void => decide(ok, 'verifyClient', status, reason);
    const ask = verifyClient as (...values: unknown[]) => boolean | PromiseLike<boolean>;
    const takesCallback = verifyClient.length >= 2;
    const verdict = callHook(
      () => (takesCallback ? ask(info, settle) : ask(info)),
      () => decide(false, 'hook', 500),
    );
    if (takesCallback) return;
    if (isPromiseLike(verdict)) void verdict.then((ok) => settle(ok));
    else settle(verdict);
  }

  #selectProtocol(upgrade: Upgrade, complete: (protocol: string | undefined) => void): void {
    const { check } = upgrade;
    const { handleProtocols } = this.options;
    if (!handleProtocols) return complete(check.protocols[0]);
    const settle = once((proceed: () => void) => {
      clearTimer(timer);
      proceed();
    });
    const refuseWith = (status: number, reason?: string): void =>
      settle(() => this.#refuse(upgrade, 'hook', { status, reason }));
    const onTimeout = (): void => refuseWith(501, 'Could not process protocols');
    const timer = this.#handshakeTimeout === 0 ? undefined : setTimer(onTimeout, this.#handshakeTimeout);
    callHook(
      () => handleProtocols([...check.protocols], (ok, protocol) => (ok ? settle(() => complete(protocol)) : refuseWith(401))),
      () => refuseWith(500),
    );
  }

  get #handshakeTimeout(): number {
    return this.options.handshakeTimeout ?? DEFAULT_HANDSHAKE_TIMEOUT;
  }

  #complete(upgrade: Upgrade, protocol: string | undefined): void {
    const { check, socket, head } = upgrade;
    // The client may have left while a hook was running.
    if (!socket.readable || !socket.writable) return void socket.destroy();
    if (check.version !== 'hixie-76') {
      return this.#accept(upgrade, protocol, { lines: () => acceptanceHead({ key: check.key, protocol }), body: '', head });
    }
    readBody(socket, head, this.#handshakeTimeout, {
      onBody: (body, rest) => {
        const answer = challengeAnswer(check.numbers, body).toString('latin1');
        this.#accept(upgrade, protocol, { lines: () => hixieHead(check, protocol), body: answer, head: rest });
      },
      onTimeout: () => this.#refuse(upgrade, 'request', { status: 408 }),
    });
  }

  /**
   * A subprotocol or a line of the program that is no header field is an exception, and the client gets a 500.
   *
   * @param answer Makes the head of the response; its body in Latin-1, and the first bytes of the connection.
   */
  #accept(
    upgrade: Upgrade,
    protocol: string | undefined,
    answer: { readonly lines: () => string[]; readonly body: string; readonly head: Uint8Array },
  ): void {
    if (this.#gate.isShuttingDown) return this.#refuse(upgrade, 'shutdown', SHUTTING_DOWN);
    if (this.#isClosed) return this.#refuse(upgrade, 'closed', { status: 503 });
    const { pass, check, request, socket, onError, callback } = upgrade;
    const { body, head } = answer;
    let text: string;
    try {
      const lines = answer.lines();
      this.emit('headers', lines);
      text = formatHead(lines);
    } catch (error) {
      this.#refuse(upgrade, 'hook', { status: 500 });
      throw error;
    }
    socket.write(text + body, 'latin1');
    const { maxPayload, maxBufferedAmount, closeTimeout, clientTracking } = this.options;
    const ws = new WebSocket([request, socket, head], {
      protocolVersion: check.version,
      protocol,
      maxPayload,
      maxBufferedAmount,
      closeTimeout,
    });
    socket.removeListener('error', onError);
    pass.admit(ws._session, {
      close: (code, reason) => ws.close(code, Buffer.from(reason)),
      terminate: () => ws.terminate(),
    });
    if (clientTracking) this.#track(ws);
    callback(ws);
  }

  #track(ws: WebSocket): void {
    this.clients.push(ws);
    // Not a listener, because the program may remove all listeners.
    ws._onEnd = () => {
      const index = this.clients.indexOf(ws);
      if (index !== -1) this.clients.splice(index, 1);
    };
  }
}

/** Ignores all calls but the first: a hook may call back several times. */
function once<Values extends unknown[]>(settle: (...values: Values) => void): (...values: Values) => void {
  let isSettled = false;
  return (...values) => {
    if (isSettled) return;
    isSettled = true;
    settle(...values);
  };
}

function isSecure(request: IncomingMessage): boolean {
  const { authorized, encrypted } = request.socket as { authorized?: boolean; encrypted?: boolean };
  return authorized === true || encrypted === true;
}

/**
 * Calls a hook. If it fails, `onFail` refuses the client, and an exception is thrown on to the program.
 *
 * @returns The result of the hook. A promise is replaced by one that stays pending instead of rejecting.
 */
function callHook<Value>(hook: () => Value | PromiseLike<Value>, onFail: () => void): Value | PromiseLike<Value> {
  let result: Value | PromiseLike<Value>;
  try {
    result = hook();
  } catch (error) {
    onFail();
    throw error;
  }
  return isPromiseLike(result) ? new Promise<Value>((resolve) => void result.then(resolve, onFail)) : result;
}
