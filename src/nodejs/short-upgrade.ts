// Short way of upgrade requests on a node:http server of ours: this file reads a head that came in one piece and has the usual form, and emits
// 'upgrade' as node:http does. Everything else is node:http's: its own listener gets the socket, with the bytes that were read.
//
// node:http sets up a parser for each connection, ten listeners and eight functions, and takes them down again before 'upgrade'. Together with
// its two calls into C++ that is a fifth of the CPU time of a handshake (docs/performance.md).

import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { Buffer } from 'node:buffer';
import { IncomingMessage, maxHeaderSize, type Server } from 'node:http';
import { Socket } from 'node:net';
import { takes } from '../base/fast-paths.ts';
import { ownTimer } from '../clock.ts';
import { emitted, type HandshakeRequest } from '../handshake/server.ts';
import { copyToOwn } from './buffers.ts';
import { canReadInto, readInto } from './direct-read.ts';
import { platform } from './platform.ts';
import { parseUpgradeHead, type UpgradeFields, type UpgradeHead } from './upgrade-head.ts';

type ConnectionListener = (this: Server, socket: Socket) => void;

/** Members of node:http that its types do not have. `_addHeaderLines` is the way by which its own parser fills a request. */
interface Parsed {
  joinDuplicateHeaders?: unknown;
  upgrade?: unknown;
  parser?: unknown;
  _addHeaderLines?(rawHeaders: readonly string[], length: number): void;
}

/** Node.js 24 and later. */
interface Deciding {
  readonly shouldUpgradeCallback?: unknown;
  readonly joinDuplicateHeaders?: unknown;
}

/** Longest head that is read here. */
const LONGEST = Math.min(4096, maxHeaderSize);
/**
 * Milliseconds. A connection whose first bytes take longer than this, twice at most, is handed to node:http, which limits the time for a head.
 * The head of a client usually comes with the end of TCP's handshake.
 */
const PATIENCE = 100;
/** Least `headersTimeout`: the patience is a part of it. */
const LEAST_TIMEOUT = 20 * PATIENCE;

const RESOURCE = 'HTTPINCOMINGMESSAGE';
/** Whether an AsyncLocalStorage keeps its value with asynchronous resources, as before Node.js 24. */
const STORES_BY_RESOURCE = '_enable' in AsyncLocalStorage.prototype;
const NOTHING = Buffer.alloc(0);

const isPossible = canReadInto && typeof (IncomingMessage.prototype as unknown as Parsed)._addHeaderLines === 'function';
const isTaken = takes('short-upgrade', isPossible);

/** Lets the upgrade requests of `server` take the short way, where the runtime has it. Call it before the server has other listeners. */
export function shortenUpgrades(server: Server): void {
  const listeners = server.listeners('connection') as ConnectionListener[];
  if (!isTaken || listeners.length !== 1 || (server.headersTimeout > 0 && server.headersTimeout < LEAST_TIMEOUT)) return;
  new ShortWay(server, listeners[0]).install();
}

const WAY = Symbol('short way');

type WaitingSocket = Socket & { [WAY]?: ShortWay | undefined };

class ShortWay {
  readonly #server: Server & Deciding;
  /** The listener of node:http. */
  readonly #long: ConnectionListener;
  readonly #shouldUpgrade: unknown;
  /**
   * The context of 'connection' events, in which node:http gets a socket, and emits 'upgrade'. It is the same for all, since no other listener could change it.
   * Undefined if there are resources for that: then node:http emits 'upgrade' in the context of the read.
   */
  #context: AsyncResource | undefined;
  /** Sockets that have sent nothing yet. */
  #waiting: Set<WaitingSocket> = new Set();
  /** Those of them that came before the timer was set last. */
  #late: Set<WaitingSocket> = new Set();
  #isTimerSet = false;

  constructor(server: Server & Deciding, long: ConnectionListener) {
    this.#server = server;
    this.#long = long;
    this.#shouldUpgrade = server.shouldUpgradeCallback;
  }

  install(): void {
    const server = this.#server;
    server.removeListener('connection', this.#long);
    server.on('connection', (socket: WaitingSocket) => this.#accept(socket));
    const { closeAllConnections } = server;
    Object.defineProperty(server, 'closeAllConnections', {
      configurable: true,
      writable: true,
      value: (): void => {
        for (const socket of [...this.#late, ...this.#waiting]) socket.destroy();
        closeAllConnections.call(server);
      },
    });
  }

  #accept(socket: WaitingSocket): void {
    const server = this.#server;
    // Other listeners of 'connection' expect a socket that node:http reads from.
    const isUsual = server.listenerCount('connection') === 1 && server.listenerCount('clientError') === 0 && !server.timeout;
    if (!isUsual || !(socket instanceof Socket) || !readInto(socket, platform.codec.input, ShortWay.#onRead)) {
      this.#long.call(server, socket);
      return;
    }
    socket[WAY] = this;
    if (!STORES_BY_RESOURCE) this.#context ??= new AsyncResource(RESOURCE);
    socket.on('error', ShortWay.#onError);
    this.#waiting.add(socket);
    if (!this.#isTimerSet) this.#setTimer();
  }

  #setTimer(): void {
    this.#isTimerSet = true;
    ownTimer(() => {
      this.#isTimerSet = false;
      const late = this.#late;
      this.#late = this.#waiting;
      this.#waiting = new Set();
      for (const socket of late) this.#handOver(socket);
      if (this.#late.size > 0) this.#setTimer();
    }, PATIENCE);
  }

  #forget(socket: WaitingSocket): void {
    if (!this.#waiting.delete(socket)) this.#late.delete(socket);
    socket[WAY] = undefined;
    socket.removeListener('error', ShortWay.#onError);
    readInto(socket, platform.codec.input, pushRead);
  }

  /** Gives the socket to node:http. @param bytes Those that were read from it. */
  #handOver(socket: WaitingSocket, bytes?: Uint8Array): void {
    this.#forget(socket);
    if (socket.destroyed) return;
    // node:http would not see the end again. It ends its side as well.
    if (socket.readableEnded) return void socket.end();
    const long = (): void => {
      if (bytes !== undefined) socket.unshift(bytes);
      this.#long.call(this.#server, socket);
    };
    if (this.#context === undefined) long();
    else this.#context.runInAsyncScope(long);
  }

  #read(socket: WaitingSocket, length: number): void {
    const { input } = platform.codec;
    const head = this.#isUsual(length) ? parseUpgradeHead(input, length) : undefined;
    if (head === undefined) return this.#handOver(socket, copyToOwn(input, 0, length));
    const rest = length > head.length ? copyToOwn(input, head.length, length) : NOTHING;
    this.#forget(socket);
    const context = this.#context ?? new AsyncResource(RESOURCE);
    context.runInAsyncScope(emitUpgrade, this.#server, socket, head, rest);
  }

  /** Whether node:http would take the next head as it usually does. */
  #isUsual(length: number): boolean {
    const server = this.#server;
    return (
      length <= LONGEST &&
      server.listenerCount('upgrade') > 0 &&
      server.shouldUpgradeCallback === this.#shouldUpgrade &&
      !server.maxHeadersCount
    );
  }

  static #onRead(this: WaitingSocket, length: number): void {
    this[WAY]!.#read(this, length);
  }

  static #onError(this: WaitingSocket, error: Error): void {
    const way = this[WAY]!;
    const server = way.#server;
    way.#forget(this);
    if (!server.emit('clientError', error, this)) this.destroy(error);
  }
}

/** A read of a socket that has no receiver of its own: as without one, into the stream. */
function pushRead(this: object, length: number): boolean {
  return (this as Socket).push(copyToOwn(platform.codec.input, 0, length));
}

/** Where an IncomingMessage keeps the object of its header fields; null until a program asks for it, which may then change it. */
const HEADERS = Object.getOwnPropertySymbols(new IncomingMessage(null as never)).find(
  ({ description }) => description === 'kHeaders',
);

function quickRequest(request: IncomingMessage, fields: UpgradeHead['fields']): HandshakeRequest {
  const { method, httpVersion } = request;
  const isAsMade = (): boolean => (request as unknown as { readonly [symbol: symbol]: unknown })[HEADERS!] === null;
  const headers = (name: string): string | undefined =>
    isAsMade() && name in fields ? fields[name as keyof UpgradeFields] : request.headers[name]?.toString();
  return { method, httpVersion, headers };
}

function emitUpgrade(this: Server & Deciding, socket: Socket, head: UpgradeHead, rest: Buffer): void {
  const request = new IncomingMessage(socket) as IncomingMessage & Parsed;
  const { rawHeaders, fields } = head;
  request.httpVersionMajor = 1;
  request.httpVersionMinor = 1;
  request.httpVersion = '1.1';
  request.joinDuplicateHeaders = this.joinDuplicateHeaders || null;
  request.url = head.target;
  request.upgrade = true;
  request._addHeaderLines!(rawHeaders, rawHeaders.length);
  request.method = 'GET';
  request.complete = true;
  request.push(null);
  request.parser = null;
  (socket as Parsed).parser = null;
  socket.readableFlowing = null;
  if (HEADERS !== undefined) {
    emitted.quick = quickRequest(request, fields);
    emitted.request = request;
  }
  try {
    this.emit('upgrade', request, socket, rest);
  } finally {
    emitted.request = emitted.quick = undefined;
  }
}
