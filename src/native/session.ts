// A WebSocket of the runtime as a Session: https://websockets.spec.whatwg.org/. The runtime implements RFC 6455. Functions that it does
// not offer (Pings, fragments, TCP) throw an error that says so.

import { CLOSE_ABNORMAL, CLOSE_POLICY_VIOLATION } from '../base/close-codes.ts';
import { CapacityError, messageTooLarge, UsageError } from '../base/errors.ts';
import { guard } from '../base/guard.ts';
import type { Meter } from '../base/meter.ts';
import {
  MESSAGE_ASCII,
  MESSAGE_OWNED,
  MESSAGE_TEXT,
  UNATTACHED,
  type Platform,
  type Role,
  type SendCallback,
  type SendOptions,
  type Session,
  type SessionOwner,
  type SessionSink,
  type Timer,
} from '../platform.ts';
import { OutputLimit, type OutputLimitOptions } from './output-limit.ts';
import { FragmentJoiner } from './fragments.ts';
import { DEFAULT_CLOSE_TIMEOUT, DEFAULT_MAX_PAYLOAD, ownOptions } from '../base/options.ts';
import { isError } from '../base/realms.ts';
import { CLOSED, CLOSING, OPEN } from '../base/states.ts';
import { totals } from '../base/totals.ts';

/** The events of a {@link NativeSocket}, as far as they are read. */
interface NativeEvents {
  open: unknown;
  message: { readonly data: unknown };
  error: { readonly message?: string; readonly error?: unknown };
  close: {
    readonly code: number;
    readonly reason: string;
    readonly wasClean: boolean;
    /** Sends our Close frame, where the runtime leaves it to the program; called when all that came before has been delivered. */
    readonly answer?: () => void;
  };
}

/** The members of the WHATWG WebSocket interface that are used. */
export interface NativeSocket {
  binaryType: string;
  readonly readyState: number;
  readonly bufferedAmount: number;
  send(data: string | Uint8Array): void;
  close(code?: number, reason?: string): void;
  /** Cuts the connection, open or closing, without a Close frame. Left out where the runtime cannot. */
  terminate?(): void;
  addEventListener<Type extends keyof NativeEvents>(type: Type, listener: (event: NativeEvents[Type]) => void): void;
}

export interface NativeSessionOptions extends OutputLimitOptions {
  readonly role: Role;
  readonly platform: Platform;
  /** Milliseconds that the closing handshake may take; 0 for no limit. Default 30,000. */
  readonly closeTimeout?: number | undefined;
  /** Milliseconds that `open` waits; 0 for no limit, the default. */
  readonly openTimeout?: number | undefined;
}

/** Milliseconds between two looks at `bufferedAmount`, whose fall the interface has no event for. */
const SHORTEST_WAIT = 1;
const LONGEST_WAIT = 64;
const NO_BYTES = new Uint8Array(0);
/** Most bytes that are kept while the program has paused, which the peer does not notice: as much as ws's `maxPayload`. */
const MOST_KEPT_BYTES = DEFAULT_MAX_PAYLOAD;
/** Approximate cost of a kept message in addition to its bytes. */
const KEPT_OVERHEAD = 128;

/** Events of the native socket are kept until the start, and then passed on, one at a time. During a pause they are kept as well. */
const KEEPING = 0;
const PASSING_ON = 1;
const IN_A_LISTENER = 2;

/** Output: the runtime has taken all of it, was not asked yet, or keeps some waiting. */
const TAKEN = 0;
const UNKNOWN = 1;
const WAITING = 2;

/** A callback that waits until the first `amount` bytes that were ever sent are handed over. */
interface Waiting {
  readonly amount: number;
  readonly callback: SendCallback;
}

function tooMuchKept(): CapacityError {
  return new CapacityError({
    code: 'WS_ERR_TOO_MANY_BUFFERED_PARTS',
    message: `More than ${MOST_KEPT_BYTES} bytes arrived while the WebSocket was paused, and this runtime cannot make the peer wait`,
    closeCode: CLOSE_POLICY_VIOLATION,
  });
}

export class NativeSession implements Session {
  readonly role: Role;
  readonly copyMessage: Platform['copyMessage'];
  owner: SessionOwner | undefined;
  readonly #socket: NativeSocket;
  readonly #platform: Platform;
  readonly #closeTimeout: number;
  readonly #outputLimit: OutputLimit;
  meter: Meter | null;
  websocket: object | undefined;
  #sink: SessionSink = UNATTACHED;
  #input: typeof KEEPING | typeof PASSING_ON | typeof IN_A_LISTENER = KEEPING;
  #isPaused = false;
  /** Events that came while the sink was not ready or paused, in order. */
  #kept: (() => void)[] = [];
  /** Bytes of the messages in `#kept`. */
  #keptBytes = 0;
  #state: typeof OPEN | typeof CLOSING | typeof CLOSED = OPEN;
  #timer: Timer | undefined;
  /** The error that the native socket reported. */
  #error: Error | undefined;
  readonly #fragments: FragmentJoiner;
  /** Bytes sent so far. */
  #sent = 0;
  readonly #waiting: Waiting[] = [];
  /** Where the messages end that the runtime has not taken, in the bytes sent so far. */
  #ends: number[] = [];
  #output: typeof TAKEN | typeof UNKNOWN | typeof WAITING = TAKEN;
  #wait = SHORTEST_WAIT;

  /** Takes over `socket`, which is open. */
  constructor(socket: NativeSocket, given: NativeSessionOptions) {
    const options = ownOptions(given);
    this.role = options.role;
    this.meter = totals[options.role];
    this.#socket = socket;
    this.#platform = options.platform;
    this.copyMessage = options.platform.copy;
    this.#fragments = new FragmentJoiner(options.platform);
    this.#closeTimeout = options.closeTimeout ?? DEFAULT_CLOSE_TIMEOUT;
    this.#outputLimit = new OutputLimit(options.platform, options);
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('message', ({ data }) => this.#take(data));
    socket.addEventListener('error', (event) => this.#report(() => (this.#error ??= toError(event))));
    socket.addEventListener('close', (event) => {
      if (this.#state === CLOSED) this.#stopTimer();
      this.#report(() => this.#close(event));
    });
  }

  /** Waits until `socket` is open, `openTimeout` at most. Calls one of the two, once; at once when it is open. */
  static open(
    socket: NativeSocket,
    options: NativeSessionOptions,
    onOpen: (session: NativeSession) => void,
    onFail: (error: Error) => void,
  ): void {
    if (socket.readyState === OPEN) return onOpen(new NativeSession(socket, options));
    let error: Error | undefined;
    let isDone = false;
    const { platform, openTimeout = 0 } = options;
    const giveUp = (): void => {
      finish(() => onFail(new Error(`The WebSocket was not open after ${openTimeout} ms`)));
      socket.close();
    };
    const open = (): void => {
      if (!isDone) finish(() => onOpen(new NativeSession(socket, options)));
      // Deno opens one that was closed while it was CONNECTING.
      else drop(socket);
    };
    const timer = openTimeout > 0 ? platform.setTimer(giveUp, openTimeout) : undefined;
    const finish = (report: () => void): void => {
      if (isDone) return;
      isDone = true;
      if (timer !== undefined) platform.clearTimer(timer);
      guard(platform, report);
    };
    socket.addEventListener('open', open);
    socket.addEventListener('error', (event) => (error ??= toError(event)));
    socket.addEventListener('close', () => {
      finish(() => onFail(error ?? new Error('The WebSocket was closed before it was open')));
    });
  }

  get bufferedAmount(): number {
    return this.#socket.bufferedAmount + this.#fragments.bytes;
  }

  set mustDrain(_isDue: boolean) {
    if (this.#output === UNKNOWN) this.#output = WAITING;
  }

  /** Messages that are kept because the program has paused. */
  get bufferedInput(): number {
    return this.#keptBytes;
  }

  attach(sink: SessionSink): void {
    this.#sink = sink;
    this.meter?.opened(this, this.owner?.takeHandshake?.());
  }

  /** @param head None: the runtime has read the bytes behind the opening handshake. */
  start(_head?: Uint8Array): void {
    this.#input = PASSING_ON;
    this.#deliver();
  }

  sendText(text: string, options?: SendOptions, callback?: SendCallback): void {
    if (!this.#isSending(callback)) return;
    if (!this.#fragments.takes(options)) return this.#send(text, this.#platform.byteLength(text), callback);
    const bytes = new Uint8Array(this.#platform.byteLength(text));
    this.#platform.writeText(text, bytes, 0);
    this.#addFragment(bytes, true, options, callback);
  }

  sendBytes(payload: Uint8Array, isText: boolean, options?: SendOptions, callback?: SendCallback): void {
    if (!this.#isSending(callback)) return;
    if (!this.#fragments.takes(options)) this.#sendWhole(payload, isText, callback);
    else this.#addFragment(this.#platform.copy(payload, 0, payload.length), isText, options, callback);
  }

  /** @throws {UsageError} always, unless there is a callback to tell. */
  ping(_payload: Uint8Array, callback?: SendCallback): void {
    this.#refuse('ping', callback);
  }

  /** @throws {UsageError} always, unless there is a callback to tell. */
  pong(_payload: Uint8Array, callback?: SendCallback): void {
    this.#refuse('pong', callback);
  }

  close(code?: number, reason: Uint8Array = NO_BYTES, callback?: SendCallback): void {
    if (this.#state !== OPEN) return;
    const text = this.#platform.decodeText(reason, 0, reason.length, false);
    if (code === undefined) this.#socket.close();
    else this.#socket.close(code, text);
    this.#beginClosing();
    if (callback !== undefined) this.#platform.defer(() => callback());
    // A paused socket does not report its end, so resume it first.
    this.resume();
  }

  /** Where the runtime can only close, the peer gets a Close frame. Either way we wait for nothing. */
  terminate(): void {
    if (this.#state === CLOSED) return;
    drop(this.#socket);
    this.#platform.defer(() => this.#lose());
    this.#dropKept();
    this.#beginClosing();
  }

  /** Keeps messages back. The native socket goes on reading: the peer does not notice. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#kept.length > 0) this.#platform.defer(() => this.#deliver());
  }

  // From the native socket.

  #take(data: unknown): void {
    if (this.#state === CLOSED) return;
    // Each of its units takes three bytes at most.
    if (typeof data === 'string' && data.length > this.#platform.longestText / 3 && this.#isTooLong(data)) {
      return this.#giveUp(messageTooLarge());
    }
    const size = KEPT_OVERHEAD + (typeof data === 'string' ? data.length : (data as ArrayBuffer).byteLength);
    // One message alone is never too much: its size is for the runtime to limit.
    if (this.#keptBytes > 0 && this.#keptBytes + size > MOST_KEPT_BYTES) return this.#giveUp(tooMuchKept());
    this.#keptBytes += size;
    this.#report(() => {
      this.#keptBytes -= size;
      this.#receive(data);
    });
  }

  /** Whether text has more bytes than a string that is made of them may have. */
  #isTooLong(text: string): boolean {
    return this.#platform.byteLength(text) > this.#platform.longestText;
  }

  /** The peer sent more than can be kept or passed on: drops the kept events and the connection. */
  #giveUp(error: CapacityError): void {
    this.#dropKept();
    this.#beginClosing();
    this.#fails(error);
    this.#closeWith(error.closeCode);
    this.#lose();
    // The end is told. The connection itself may take its time for the Close frame.
    this.#dropLater();
  }

  #dropKept(): void {
    this.#kept = [];
    this.#keptBytes = 0;
  }

  /** Closes with a code that only some runtimes let a program send. */
  #closeWith(code: number): void {
    try {
      this.#socket.close(code, '');
    } catch {
      this.#socket.close();
    }
  }

  #report(task: () => void): void {
    if (this.#state === CLOSED) return;
    this.#kept.push(task);
    this.#deliver();
  }

  /** Also true where a callback has just closed it. */
  get #isClosed(): boolean {
    return this.#state === CLOSED;
  }

  #deliver(): void {
    if (this.#input !== PASSING_ON) return;
    this.#input = IN_A_LISTENER;
    // Some runtimes drop a connection whose listener throws.
    while (!this.#isPaused && this.#kept.length > 0) guard(this.#platform, this.#kept.shift()!);
    this.#input = PASSING_ON;
  }

  #receive(data: unknown): void {
    if (typeof data === 'string') {
      const bytes = this.#platform.allocate(this.#platform.byteLength(data));
      this.#platform.writeText(data, bytes, 0);
      this.#pass(bytes, bytes.length === data.length ? MESSAGE_ASCII | MESSAGE_TEXT : MESSAGE_TEXT);
    } else {
      this.#pass(new Uint8Array(data as ArrayBuffer), 0);
    }
  }

  #pass(bytes: Uint8Array, kind: number): void {
    const { length } = bytes;
    this.meter?.received(this, bytes, 0, length, kind);
    const begin = this.meter?.begin();
    try {
      this.#sink.onMessage(bytes, 0, length, kind | MESSAGE_OWNED);
    } finally {
      this.meter?.delivered(begin);
    }
  }

  #close({ code: given, reason, wasClean, answer }: NativeEvents['close']): void {
    answer?.();
    // Some runtimes say 0 for a connection that is lost.
    const code = given === 0 ? CLOSE_ABNORMAL : given;
    // The code 1006 tells of a lost connection. Only a violation is an error, as over byte streams.
    if (this.#error !== undefined && code !== CLOSE_ABNORMAL) {
      this.#beginClosing();
      this.#fails(this.#error);
    }
    const bytes = new Uint8Array(this.#platform.byteLength(reason));
    this.#platform.writeText(reason, bytes, 0);
    this.#end(code, bytes, wasClean);
  }

  // Sending.

  #sendWhole(payload: Uint8Array, isText: boolean, callback: SendCallback | undefined): void {
    const { length } = payload;
    if (isText) this.#send(this.#platform.decodeText(payload, 0, length, false), length, callback);
    else this.#send(payload, length, callback);
  }

  #isSending(callback: SendCallback | undefined): boolean {
    if (this.#state === OPEN && this.#socket.readyState === OPEN) return true;
    if (callback !== undefined) this.#platform.defer(() => callback(new Error('The WebSocket is not open')));
    return false;
  }

  #send(data: string | Uint8Array, length: number, callback: SendCallback | undefined): void {
    if (!this.#outputLimit.admits(this.#socket.bufferedAmount, callback, this.onOutputFailure)) return;
    this.#socket.send(data);
    this.meter?.sent(length);
    this.#sent += length;
    this.#ends.push(this.#sent);
    if (callback !== undefined) this.#waiting.push({ amount: this.#sent, callback: this.#platform.bind(callback) });
    if (this.#output !== TAKEN) return;
    this.#output = UNKNOWN;
    this.#wait = SHORTEST_WAIT;
    this.#platform.defer(this.#look);
  }

  readonly onOutputFailure = (error: Error): void => {
    if (this.#state === CLOSED) return;
    // First, because a listener may send again.
    this.#beginClosing();
    this.#fails(error);
    this.terminate();
  };

  #fails(error: Error): void {
    this.meter?.failed(this, error);
    guard(this.#platform, () => this.#sink.onError(error));
  }

  #addFragment(bytes: Uint8Array, isText: boolean, options: SendOptions | undefined, callback: SendCallback | undefined): void {
    const message = this.#fragments.add(bytes, isText, options, callback);
    if (message !== undefined) this.#sendWhole(message.payload, message.isText, message.callback);
  }

  /** Calls back whose bytes have been handed over, and looks again later if there are more. */
  readonly #look = (): void => {
    if (this.#state === CLOSED) return;
    const buffered = this.#socket.bufferedAmount;
    const handedOver = this.#sent - buffered;
    const isEmpty = buffered === 0;
    if (isEmpty) this.#ends = [];
    else this.#ends = this.#ends.filter((end) => end > handedOver);
    const count = this.#waiting.findIndex(({ amount }) => amount > handedOver);
    const done = this.#waiting.splice(0, isEmpty || count === -1 ? this.#waiting.length : count);
    const hasWaited = this.#output === WAITING;
    this.#output = isEmpty ? TAKEN : WAITING;
    if (!isEmpty) {
      this.#platform.ownTimer(this.#look, this.#wait);
      this.#wait = Math.min(LONGEST_WAIT, this.#wait * 2);
    }
    for (const { callback } of done) guard(this.#platform, () => callback());
    if (isEmpty && hasWaited && !this.#isClosed) guard(this.#platform, () => this.#sink.onDrain());
  };

  // The end.

  #refuse(method: string, callback: SendCallback | undefined): void {
    const error = new UsageError(
      `${method}() is not available: the runtime answers Pings by itself. A WebSocketServer that listens by itself has it`,
    );
    if (callback === undefined) throw error;
    this.#platform.defer(() => callback(error));
  }

  #beginClosing(): void {
    if (this.#state !== OPEN) return;
    this.#state = CLOSING;
    this.#dropLater();
    this.#sink.onClosing();
  }

  /** Waits for the end of the closing handshake, `closeTimeout` at most. */
  #dropLater(): void {
    if (this.#closeTimeout === 0) return;
    this.#timer = this.#platform.setTimer(() => {
      drop(this.#socket);
      this.#lose();
    }, this.#closeTimeout);
  }

  #stopTimer(): void {
    if (this.#timer !== undefined) this.#platform.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  /** Reports an end without a Close frame of the peer. */
  #lose(): void {
    this.#end(CLOSE_ABNORMAL, NO_BYTES, false);
  }

  #end(code: number, reason: Uint8Array, wasClean: boolean): void {
    if (this.#state === CLOSED) return;
    this.#beginClosing();
    this.#state = CLOSED;
    this.#dropKept();
    this.#stopTimer();
    const waiting = this.#waiting.splice(0).map(({ callback }) => callback);
    const error = wasClean ? undefined : new Error('The connection was closed before the data was written');
    for (const callback of [...waiting, ...this.#fragments.drop()]) guard(this.#platform, () => callback(error));
    const handedOver = this.#sent - this.#socket.bufferedAmount;
    if (!wasClean) this.owner?.onUnsent(this.#ends.filter((end) => end > handedOver).length);
    if (this.#sink !== UNATTACHED) this.meter?.ended(this, code, reason, wasClean);
    this.owner?.onEnded(wasClean);
    this.owner = undefined;
    guard(this.#platform, () => this.#sink.onEnd(code, reason, wasClean));
  }
}

/** Ends a connection that is no longer needed. */
function drop(socket: NativeSocket): void {
  if (socket.terminate) socket.terminate();
  else socket.close();
}

function toError({ error, message }: NativeEvents['error']): Error {
  return isError(error) ? error : new Error(message || 'The WebSocket failed');
}
