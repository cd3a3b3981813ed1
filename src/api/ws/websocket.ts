// The ws-style WebSocket: an EventEmitter over a Session. The contract is that of ws 8.
// A runtime is bound to the classes that derive from it: see binding.ts.

import type { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { checkSignal, findCore, notOpen, SocketCore, type Callback } from './core.ts';
import type { Sendable } from './data.ts';
import { shapeListeners } from './emitter.ts';
import { ListeningBase } from './events.ts';
import { WebSocketMessages } from './messages.ts';
import { openClient } from './opener.ts';
import type { ClientOptions } from './options.ts';
import { CLOSED, type ReadyState } from '../../base/states.ts';
import type { BinaryType, Data, MessageOptions } from './types.ts';
import { nextTick } from '../../clock.ts';
import { keepCore } from '../../base/core.ts';
import { readOptions } from '../../base/options.ts';
import { heartbeatSettings } from '../../protocol/heartbeat.ts';

/**
 * Members work on all that stands for a WebSocket, such as a Proxy or `Object.create(ws)`. An object that has only the class's prototype,
 * such as a stub, is never open: its getters give undefined, and its methods act as on a WebSocket that is closed.
 */
export abstract class WebSocketBase extends ListeningBase {
  declare static readonly CONNECTING: 0;
  declare static readonly OPEN: 1;
  declare static readonly CLOSING: 2;
  declare static readonly CLOSED: 3;
  declare readonly CONNECTING: 0;
  declare readonly OPEN: 1;
  declare readonly CLOSING: 2;
  declare readonly CLOSED: 3;

  constructor(address: string | URL | null, protocols?: string | readonly string[] | ClientOptions, options?: ClientOptions) {
    super();
    shapeListeners(this);
    const core = new SocketCore(this, address === null);
    keepCore(this, core);
    if (address === null) return;
    const isOptions = typeof protocols === 'object' && protocols !== null && !Array.isArray(protocols);
    const settings = readOptions(isOptions ? (protocols as ClientOptions) : options);
    const named = protocols === undefined || isOptions ? settings.protocols : protocols;
    const list = Array.isArray(named) ? named : [named];
    const { signal } = settings;
    checkSignal(signal);
    heartbeatSettings(settings.heartbeat);
    openClient(this, address, named === undefined ? [] : list, settings);
    if (signal) core.heed(signal);
  }

  get readyState(): ReadyState {
    return findCore(this)?.readyState as ReadyState;
  }

  /** The URL as it was parsed; undefined on a server's side, as in ws. */
  get url(): string {
    return findCore(this)?.url as string;
  }

  /** The subprotocol that was agreed on, or an empty string. */
  get protocol(): string {
    return findCore(this)?.protocol as string;
  }

  /** The extensions that were agreed on, as in a Sec-WebSocket-Extensions header. */
  get extensions(): string {
    return findCore(this)?.extensions as string;
  }

  /** The socket, once open. Not in ws's documented API, but programs call its `unref()` and read its addresses. @internal */
  get _socket(): Duplex | null {
    const core = findCore(this);
    core?.session?.exposeSocket?.();
    return core?.socket as Duplex | null;
  }

  /** @internal */
  set _socket(value: unknown) {
    define(this, '_socket', value);
  }

  /**
   * Resolves with the WebSocket once it is open; whenever it is asked for. If that is before the first message, messages wait for one turn of
   * the event loop, so that none is missed by listeners that are added, and loops that are begun, right behind the `await`. If it never opens, a client's rejects with the error, and one on a
   * server's side resolves with the closed WebSocket. Made when asked for, so programs that do not are spared an unhandled rejection. A
   * program may assign another value.
   */
  get ready(): Promise<this> {
    return findCore(this)?.ready as Promise<this>;
  }

  set ready(value: unknown) {
    define(this, 'ready', value);
  }

  get isPaused(): boolean {
    return findCore(this)?.isPaused as boolean;
  }

  /** Payload bytes accepted by `send` and not yet handed to the operating system. */
  get bufferedAmount(): number {
    return findCore(this)?.bufferedAmount as number;
  }

  /** How binary messages are handed out: `'blob'` as well, which the types of ws do not tell. */
  get binaryType(): BinaryType {
    return findCore(this)?.binaryType as BinaryType;
  }

  set binaryType(type: BinaryType | 'blob') {
    const core = findCore(this);
    if (core !== undefined) core.binaryType = type;
  }

  /**
   * Sends a message.
   *
   * @param data Text, or bytes, which are the caller's again once this has returned.
   * @param callback Called once the message was handed to the operating system, or with the error that prevented it.
   * @throws {Error} while connecting.
   */
  send(data: Sendable, callback?: Callback): void;
  send(data: Sendable, options: MessageOptions | undefined, callback?: Callback): void;
  send(data: unknown, options?: MessageOptions | Callback, callback?: Callback): void {
    const core = findCore(this);
    if (core === undefined) refuse(options, callback);
    else core.send(data, options, callback);
  }

  /**
   * `send` with a promise: it resolves once the message was handed to the operating system, and rejects with the error that prevented it, also
   * with an error that `send` would throw.
   */
  sendAsync(data: Sendable, options?: MessageOptions): Promise<void> {
    const promise = new Promise<void>((resolve, reject) => {
      this.send(data, options, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
    // As with `send` without a callback: a server may send without looking whether the peer is still there.
    if (findCore(this)?.isServer === true) promise.catch(() => {});
    return promise;
  }

  /** Sends a Ping with at most 125 bytes, which are copied. */
  ping(data?: unknown, mask?: boolean | Callback, callback?: (error: Error) => void): void {
    const core = findCore(this);
    if (core === undefined) refuse(data, mask, callback);
    else core.sendControl('ping', data, mask, callback as Callback);
  }

  /** Sends a Pong with at most 125 bytes, which are copied. */
  pong(data?: unknown, mask?: boolean | Callback, callback?: (error: Error) => void): void {
    const core = findCore(this);
    if (core === undefined) refuse(data, mask, callback);
    else core.sendControl('pong', data, mask, callback as Callback);
  }

  /**
   * Starts the closing handshake (RFC 6455 section 7.1.2).
   *
   * @param code 1000–1014 but 1004–1006, or 3000–4999. Left out: a Close frame without a status code.
   * @param reason At most 123 bytes. Ignored without a code.
   */
  close(code?: number, reason?: string | Buffer): void {
    findCore(this)?.close(code, reason);
  }

  /** Drops the connection at once. */
  terminate(): void {
    findCore(this)?.terminate();
  }

  /** Stops reading, so that TCP makes the peer wait. Messages that were already read are still delivered. */
  pause(): void {
    findCore(this)?.pause();
  }

  resume(): void {
    findCore(this)?.resume();
  }

  /** Closes, for `using`: an error of the opening handshake that this ends goes unheard. */
  [Symbol.dispose](): void {
    this.on('error', ignore);
    this.close();
  }

  /** Closes, and waits for the end, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { readyState } = this;
    if (readyState === undefined || readyState === CLOSED) return;
    const closed = new Promise<void>((resolve) => this.once('close', () => resolve()));
    this[Symbol.dispose]();
    await closed;
  }

  /**
   * The messages from now on, text as strings and the rest as `binaryType` says: `for await (const message of ws)`. Reading stops while
   * more than a few wait. Ends when the connection does; a client's throws the error of its 'error' event. Leaving the loop does not close.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Data, undefined> {
    return new WebSocketMessages(this);
  }
}

function ignore(): void {}

/** Replaces an accessor by an own property of one object, because programs of ws store anything on their sockets. */
export function define(ws: object, name: string, value: unknown): void {
  Object.defineProperty(ws, name, { configurable: true, enumerable: true, value, writable: true });
}

/** Tells a callback that an object without a connection sends nothing. */
function refuse(...values: unknown[]): void {
  const callback = values.find((value) => typeof value === 'function') as Callback | undefined;
  if (callback) nextTick(callback, notOpen(undefined));
}

const STATES = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'];
/** Members that are not enumerable, as in ws. */
const HIDDEN: ReadonlySet<string> = new Set([
  'close',
  'pause',
  'ping',
  'pong',
  'ready',
  'resume',
  'send',
  'sendAsync',
  'terminate',
]);

/** Copies the members of {@link WebSocketBase} to a class that derives from it: mocks and patches look at its own prototype. */
export function expose(constructor: { readonly prototype: WebSocketBase }): void {
  for (const [value, name] of STATES.entries()) {
    Object.defineProperty(constructor, name, { enumerable: true, value });
    Object.defineProperty(constructor.prototype, name, { enumerable: true, value });
  }
  for (const { prototype } of [WebSocketBase, ListeningBase]) {
    for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
      if (name === 'constructor') continue;
      Object.defineProperty(constructor.prototype, name, { ...descriptor, enumerable: !HIDDEN.has(name) });
    }
  }
}
