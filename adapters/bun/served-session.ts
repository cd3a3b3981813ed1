// A WebSocket of Bun.serve as a Session: https://bun.sh/docs/api/websockets. Bun implements RFC 6455; this class passes its events on.
//
// Differences from our own sessions: Bun ends TCP directly after its Close frame, without waiting for the peer's. It sends whole messages
// only, so fragments are joined first. Bytes that are sent as text are converted to a string.

import { CLOSE_ABNORMAL, CLOSE_NO_STATUS } from '../../src/base/close-codes.ts';
import { CapacityError, ProtocolError, UsageError, Utf8Error, type ErrorCode } from '../../src/base/errors.ts';
import { guard } from '../../src/base/guard.ts';
import type { Meter } from '../../src/base/meter.ts';
import { MAXIMUM_CONTROL_PAYLOAD } from '../../src/base/opcodes.ts';
import { CLOSED, CLOSING, OPEN } from '../../src/base/states.ts';
import { totals } from '../../src/base/totals.ts';
import { OutputLimit, type OutputLimitOptions } from '../../src/native/output-limit.ts';
import { FragmentJoiner } from '../../src/native/fragments.ts';
import {
  MESSAGE_OWNED,
  MESSAGE_TEXT,
  UNATTACHED,
  type Platform,
  type SendCallback,
  type SendOptions,
  type Session,
  type SessionOwner,
  type SessionSink,
  type SharedMessage,
} from '../../src/platform.ts';
import type { ServerWebSocket } from './bun.ts';
import { gatheredOf, MOST_GATHERED, sendLater, type GatheredMessage } from './gathered.ts';
import { platform } from './platform.ts';

const NO_BYTES = new Uint8Array(0);

export class ServedSession implements Session {
  readonly role = 'server';
  readonly copyMessage: Platform['copyMessage'] = platform.copy;
  owner: SessionOwner | undefined;
  readonly #outputLimit: OutputLimit;
  /** Most payload bytes that are gathered. */
  readonly #mostGathered: number;
  #socket: ServerWebSocket<ServedSession> | null = null;
  meter: Meter | null = totals.server;
  websocket: object | undefined;
  #sink: SessionSink = UNATTACHED;
  /** Events before the start; null after it. */
  #early: (() => void)[] | null = [];
  readonly #fragments: FragmentJoiner = new FragmentJoiner(platform);
  /** Callbacks that wait until all output has been handed over. */
  readonly #callbacks: SendCallback[] = [];
  #isWaiting = false;
  /** Messages since the last of them was handed over at once. Bun does not tell how many of them wait. */
  #waitingMessages = 0;
  /** Messages that are sent at the end of the turn; null if there are none. */
  #gathered: GatheredMessage[] | null = null;
  #gatheredBytes = 0;
  /** Whether the end of the turn is awaited. */
  #isDue = false;
  #mustDrain = false;
  #state: typeof OPEN | typeof CLOSING | typeof CLOSED = OPEN;
  /** Whether Bun may report the end during a call of ours. */
  #isCalling = false;

  constructor(options: OutputLimitOptions) {
    this.#outputLimit = new OutputLimit(platform, options);
    this.#mostGathered = Math.min(MOST_GATHERED, options.maxBufferedAmount || MOST_GATHERED);
  }

  /** Includes frame headers, as Bun counts. Messages of a handler are written when it returns, and count from then on. */
  get bufferedAmount(): number {
    const waiting = this.#state === CLOSED ? 0 : (this.#socket?.getBufferedAmount() ?? 0);
    return waiting + this.#fragments.bytes + this.#gatheredBytes;
  }

  set mustDrain(_isDue: boolean) {
    if (this.#gathered !== null) this.#mustDrain = true;
  }

  /** Bun does not tell how many bytes it keeps. */
  get bufferedInput(): number {
    return 0;
  }

  attach(sink: SessionSink): void {
    this.#sink = sink;
    this.meter?.opened(this, this.owner?.takeHandshake?.());
  }

  /** @param _head None: Bun has read the bytes behind the opening handshake. */
  start(_head?: Uint8Array): void {
    const early = this.#early ?? [];
    this.#early = null;
    // One task for each event: an exception of a listener must not affect the others.
    for (const report of early) platform.defer(report);
  }

  sendText(text: string, options?: SendOptions, callback?: SendCallback): void {
    if (!this.#admits(callback)) return;
    if (this.#fragments.takes(options)) return this.#addFragment(encode(text), true, options, callback);
    this.#sentMessage(this.#socket!.sendText(text, options?.compress ?? true), platform.byteLength(text), callback);
  }

  sendBytes(payload: Uint8Array, isText: boolean, options?: SendOptions, callback?: SendCallback): void {
    const shared = callback === undefined && payload.length <= MOST_GATHERED ? options?.shared : undefined;
    if (shared !== undefined && !this.#fragments.takes(options)) {
      this.#gather(shared, payload, isText, options!);
      return;
    }
    if (!this.#admits(callback)) return;
    if (this.#fragments.takes(options)) {
      this.#addFragment(platform.copy(payload, 0, payload.length), isText, options, callback);
    } else {
      this.#sendWhole(payload, isText, options, callback);
    }
  }

  ping(payload: Uint8Array, callback?: SendCallback): void {
    checkControl(payload);
    if (this.#isOpen(callback)) this.#sent(this.#socket!.ping(payload), 0, callback);
  }

  pong(payload: Uint8Array, callback?: SendCallback): void {
    checkControl(payload);
    if (this.#isOpen(callback)) this.#sent(this.#socket!.pong(payload), 0, callback);
  }

  close(code?: number, reason: Uint8Array = NO_BYTES, callback?: SendCallback): void {
    this.sendGathered();
    if (this.#state !== OPEN) return;
    this.#beginClosing();
    // 1005 stands for a Close frame without a status code.
    this.#call((socket) => socket.close(code ?? CLOSE_NO_STATUS, platform.decodeText(reason, 0, reason.length, false)));
    if (callback !== undefined) platform.defer(() => callback());
  }

  terminate(): void {
    if (this.#state === CLOSED) return;
    this.#beginClosing();
    this.#call((socket) => socket.terminate());
    // A dropped connection may never be started.
    this.start();
  }

  pause(): void {
    if (this.#state !== CLOSED) this.#socket?.pause();
  }

  resume(): void {
    if (this.#state !== CLOSED) this.#socket?.resume();
  }

  /** @internal */
  onTurnEnd(): void {
    this.#isDue = false;
    this.sendGathered();
  }

  /** Hands over what was gathered: at the end of the turn, or because something else comes behind it. */
  sendGathered(): void {
    const messages = this.#gathered;
    if (messages === null || this.#state !== OPEN) return;
    this.#dropGathered();
    const socket = this.#socket!;
    if (messages.length === 1) {
      this.#sendMessage(messages[0]);
    } else {
      socket.cork(() => {
        for (const message of messages) this.#sendMessage(message);
      });
      // Bun writes after the last one, so what it said of each tells nothing.
      if (!this.#isWaiting && socket.getBufferedAmount() > 0) {
        this.#isWaiting = true;
        this.#waitingMessages = messages.length;
      }
    }
    if (this.#isWaiting || !this.#mustDrain) return;
    this.#mustDrain = false;
    platform.defer(() => this.#sink.onDrain());
  }

  // From the handlers of Bun.serve.

  opened(socket: ServerWebSocket<ServedSession>): void {
    this.#socket = socket;
  }

  message(message: string | Uint8Array): void {
    if (this.#state !== OPEN) return;
    if (this.#early !== null) return void this.#early.push(() => this.message(message));
    const bytes = typeof message === 'string' ? encode(message) : message;
    const { length } = bytes;
    const kind = typeof message === 'string' ? MESSAGE_TEXT | MESSAGE_OWNED : MESSAGE_OWNED;
    this.meter?.received(this, bytes, 0, length, kind);
    const begin = this.meter?.begin();
    try {
      this.#sink.onMessage(bytes, 0, length, kind);
    } finally {
      this.meter?.delivered(begin);
    }
    // The same read may bring a Close frame, after which Bun sends nothing more.
    this.sendGathered();
  }

  pinged(payload: Uint8Array): void {
    if (this.#early === null) this.#sink.onPing(payload);
    else this.#early.push(() => this.#sink.onPing(payload));
  }

  ponged(payload: Uint8Array): void {
    if (this.#early === null) this.#sink.onPong(payload);
    else this.#early.push(() => this.#sink.onPong(payload));
  }

  drained(): void {
    if (!this.#isWaiting) return;
    this.sendGathered();
    if (this.#state === CLOSED || this.#socket!.getBufferedAmount() > 0) return;
    this.#isWaiting = this.#mustDrain = false;
    this.#waitingMessages = 0;
    for (const callback of this.#callbacks.splice(0)) platform.defer(() => callback());
    this.#sink.onDrain();
  }

  /** @param reason The peer's; with 1006, why Bun gave up. */
  closed(code: number, reason: string): void {
    if (this.#early !== null) return void this.#early.push(() => this.closed(code, reason));
    // Deferred, because the caller of close() is still running.
    if (this.#isCalling) platform.defer(() => this.#end(code, reason));
    else this.#end(code, reason);
  }

  #end(code: number, reason: string): void {
    if (this.#state === CLOSED) return;
    this.#beginClosing();
    this.#state = CLOSED;
    const isLost = code === CLOSE_ABNORMAL;
    const callbacks = [...this.#callbacks, ...this.#fragments.drop()];
    const error = new Error('The connection was closed before the data was written');
    const unsent = this.#waitingMessages + (this.#gathered?.length ?? 0);
    this.#dropGathered();
    if (isLost && (this.#isWaiting || unsent > 0)) this.owner?.onUnsent(unsent);
    const violation = isLost && reason.startsWith(VIOLATION) ? violationOf(reason) : undefined;
    if (violation !== undefined) this.meter?.failed(this, violation);
    if (this.#sink !== UNATTACHED) this.meter?.ended(this, code, isLost ? NO_BYTES : encode(reason), !isLost);
    this.owner?.onEnded(!isLost);
    this.owner = undefined;
    for (const callback of callbacks) platform.defer(() => callback(error));
    if (violation !== undefined) guard(platform, () => this.#sink.onError(violation));
    guard(platform, () => this.#sink.onEnd(code, isLost ? NO_BYTES : encode(reason), !isLost));
  }

  #beginClosing(): void {
    if (this.#state !== OPEN) return;
    this.#state = CLOSING;
    this.#sink.onClosing();
  }

  #call(task: (socket: ServerWebSocket<ServedSession>) => void): void {
    this.#isCalling = true;
    try {
      task(this.#socket!);
    } finally {
      this.#isCalling = false;
    }
  }

  /** Whether something may be sent now. What was gathered is sent before. */
  #isOpen(callback: SendCallback | undefined): boolean {
    this.sendGathered();
    if (this.#state === OPEN && this.#socket !== null) return true;
    if (callback !== undefined) platform.defer(() => callback(new Error('The WebSocket is not open')));
    return false;
  }

  /** Whether another message may wait. If not, applies the policy. */
  #admits(callback: SendCallback | undefined): boolean {
    if (!this.#isOpen(callback)) return false;
    return !this.#isWaiting || this.#outputLimit.admits(this.bufferedAmount, callback, this.onOutputFailure);
  }

  readonly onOutputFailure = (error: Error): void => {
    if (this.#state === CLOSED) return;
    // First, because a listener may send again.
    this.#beginClosing();
    this.meter?.failed(this, error);
    guard(platform, () => this.#sink.onError(error));
    this.terminate();
  };

  /** Keeps a message for the end of the turn. */
  #gather(shared: SharedMessage, payload: Uint8Array, isText: boolean, options: SendOptions): void {
    if (this.#state !== OPEN || this.#socket === null) return;
    const { length } = payload;
    if (this.#gatheredBytes + length > this.#mostGathered) this.sendGathered();
    if (this.#isWaiting && !this.#outputLimit.admits(this.bufferedAmount, undefined, this.onOutputFailure)) return;
    (this.#gathered ??= []).push(gatheredOf(shared, payload, isText, options.compress ?? true));
    this.#gatheredBytes += length;
    if (this.#isDue) return;
    this.#isDue = true;
    sendLater(this);
  }

  #dropGathered(): void {
    this.#gathered = null;
    this.#gatheredBytes = 0;
  }

  #sendMessage({ text, bytes, compress }: GatheredMessage): void {
    const socket = this.#socket!;
    const result = text === undefined ? socket.sendBinary(bytes, compress) : socket.sendText(text, compress);
    this.#sentMessage(result, bytes.length, undefined);
  }

  #sendWhole(payload: Uint8Array, isText: boolean, options: SendOptions | undefined, callback: SendCallback | undefined): void {
    const compress = options?.compress ?? true;
    const { length } = payload;
    const result = isText
      ? this.#socket!.sendText(platform.decodeText(payload, 0, length, false), compress)
      : this.#socket!.sendBinary(payload, compress);
    this.#sentMessage(result, length, callback);
  }

  #sentMessage(result: number, length: number, callback: SendCallback | undefined): void {
    // Otherwise Bun has dropped it.
    if (result !== 0 || length === 0) this.meter?.sent(length);
    this.#sent(result, length, callback);
  }

  #addFragment(bytes: Uint8Array, isText: boolean, options: SendOptions | undefined, callback: SendCallback | undefined): void {
    const message = this.#fragments.add(bytes, isText, options, callback);
    if (message !== undefined) this.#sendWhole(message.payload, message.isText, options, message.callback);
  }

  /** @param result Result of Bun: the number of bytes that it sent; -1 when they wait for the peer; 0 when it dropped them, or there are none. */
  #sent(result: number, length: number, callback: SendCallback | undefined): void {
    if (result < 0) {
      this.#isWaiting = true;
      if (length > 0) this.#waitingMessages++;
      if (callback !== undefined) this.#callbacks.push(platform.bind(callback));
    } else if (callback !== undefined) {
      const error = result === 0 && length > 0 ? new Error('Bun has dropped the message: see backpressureLimit') : undefined;
      const bound = platform.bind(callback);
      platform.defer(() => bound(error));
    }
  }
}

function encode(text: string): Uint8Array {
  const bytes = platform.allocate(platform.byteLength(text));
  platform.writeText(text, bytes, 0);
  return bytes;
}

function checkControl(payload: Uint8Array): void {
  if (payload.length > MAXIMUM_CONTROL_PAYLOAD) throw new UsageError('The data size must not be greater than 125 bytes');
}

/** Prefixes of Bun's messages for violations. All other messages, such as that of the idle timeout, mean that the peer is gone. */
const VIOLATION = 'Received ';
/** Codes of ws for Bun's messages about violations. The first text that a message contains counts. */
const VIOLATIONS: readonly (readonly [words: string, code: ErrorCode])[] = [
  ['masked', 'WS_ERR_EXPECTED_MASK'],
  ['RSV1', 'WS_ERR_UNEXPECTED_RSV_1'],
  ['RSV', 'WS_ERR_UNEXPECTED_RSV_2_3'],
  ['close code', 'WS_ERR_INVALID_CLOSE_CODE'],
  ['close payload', 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH'],
  ['big control frame', 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH'],
  ['fragmented control frame', 'WS_ERR_EXPECTED_FIN'],
];

/** The error for Bun's message about a violation. */
function violationOf(reason: string): Error {
  if (reason.includes('UTF-8')) return new Utf8Error(reason);
  const code = VIOLATIONS.find(([words]) => reason.includes(words))?.[1];
  if (code !== undefined) return new ProtocolError({ code, message: reason });
  if (reason.includes('too big')) return new CapacityError({ code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', message: reason });
  // An opcode that is unknown, or a frame that does not go on with the message before.
  return new ProtocolError({ code: 'WS_ERR_INVALID_OPCODE', message: reason });
}
