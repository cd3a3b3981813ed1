// A byte stream with the members of a net.Socket that programs of ws use, without being a stream.

import { Buffer } from 'node:buffer';
import { EventEmitter } from 'node:events';
import { shapeListeners } from '../../api/ws/emitter.ts';
import { LINGER } from '../../api/ws/end-socket.ts';
import type { Platform, Timer, Transport, TransportEvents } from '../../platform.ts';
import { Connection } from '../../protocol/connection.ts';
import type { ConnectionOptions } from '../../protocol/settings.ts';
import { guard } from '../../base/guard.ts';
import { copyToOwn } from '../../nodejs/buffers.ts';
import type { ByteStream } from '../network.ts';
import { nextTick } from '../../clock.ts';
import { checkTime } from '../../base/options.ts';
import { isUint8Array } from '../../base/realms.ts';

/** Most bytes, or nearly so, that are read before there is a session: as the `highWaterMark` of a stream. */
const MAXIMUM_KEPT_BYTES = 16_384;

type Done = (error?: Error | null) => void;

/** Where the bytes go that arrive: they are kept for the session, given to it, or, once the peer was refused, ignored. */
type Input = 'ignored' | 'kept' | 'session' | 'ended' | 'closed';
/** `ending`: {@link StreamSocket.end} was called, and bytes wait for the operating system. */
type Output = 'open' | 'ending' | 'ended';

/** The error of a write after the end. The code is that of Node.js. */
function endedError(): Error {
  return Object.assign(new Error('The socket has been ended'), { code: 'ERR_STREAM_WRITE_AFTER_END' });
}

/**
 * Events: `finish`, `end`, `drain`, `timeout`, `error` if there is a listener, `close`. Bytes go to the session, and there is no `data`.
 * Members behave like those of the same name in a net.Socket.
 */
export class StreamSocket extends EventEmitter implements TransportEvents {
  readonly encrypted: boolean;
  readonly authorized: boolean = false;
  destroyed: boolean = false;
  /** Bytes since the head of the handshake. */
  bytesRead: number = 0;
  bytesWritten: number = 0;
  /** Milliseconds without traffic until `timeout`, as {@link setTimeout} was told; 0 for none. */
  timeout: number = 0;
  readonly #transport: ByteStream;
  readonly #platform: Platform;
  readonly #onClosed: (() => void) | undefined;
  #session: TransportEvents | null = null;
  #input: Input = 'ignored';
  #output: Output = 'open';
  /** Callbacks of the writes by {@link write} that the operating system has not taken yet. */
  #waiting: (Done | undefined)[] | null = null;
  /** Number of open calls of {@link cork}, and the chunks that were written since. */
  #corks = 0;
  #corked: Uint8Array[] | null = null;
  #corkedDone: Done[] | null = null;
  #error: Error | undefined;
  /** Ends the wait for a peer that was refused. */
  #linger: Timer | undefined;
  #idle: Timer | undefined;
  /** Bytes that were read ahead. */
  #kept: Uint8Array[] | null = null;
  #keptBytes = 0;
  /** Whether FIN came behind the bytes that are kept. */
  #isEndKept = false;

  /** The transport of a session. The socket shows the session's actions. */
  static readonly #SessionTransport = class implements Transport {
    readonly #socket: StreamSocket;
    readonly #stream: ByteStream;
    #isPaused = false;

    constructor(socket: StreamSocket) {
      this.#socket = socket;
      this.#stream = socket.#transport;
    }

    start(): void {
      this.#isPaused = false;
      this.#socket.#deliverKept();
      // A listener may have paused.
      if (!this.#isPaused) this.#stream.start();
    }

    pause(): void {
      this.#isPaused = true;
      this.#stream.pause();
    }

    resume(): void {
      this.#stream.resume();
    }

    get takesBorrowed(): boolean {
      return this.#stream.takesBorrowed === true;
    }

    write(chunks: readonly Uint8Array[], onWritten: (isAtOnce?: boolean) => void, borrowed?: Uint8Array): boolean {
      const socket = this.#socket;
      if (socket.#output !== 'open') {
        nextTick(() => socket.destroy(endedError()));
        return false;
      }
      if (socket.#corked !== null) socket.#flushCorked();
      for (const chunk of chunks) socket.bytesWritten += chunk.length;
      if (socket.#idle !== undefined) socket.#waitForTraffic();
      return this.#stream.write(chunks, onWritten, borrowed);
    }

    end(): void {
      const socket = this.#socket;
      if (socket.#output !== 'open') return;
      socket.#flushCorked();
      socket.#output = 'ended';
      nextTick(() => socket.emit('finish'));
      this.#stream.end();
    }

    destroy(): void {
      this.#socket.destroy();
    }
  };

  /** Takes over `transport`, which is paused. `onClosed` is called once it is gone. */
  constructor(transport: ByteStream, platform: Platform, onClosed?: () => void) {
    super();
    this.encrypted = transport.isSecure;
    this.#transport = transport;
    this.#platform = platform;
    this.#onClosed = onClosed;
    transport.attach(this);
  }

  get remoteAddress(): string | undefined {
    return this.#transport.remote.address;
  }

  get remotePort(): number | undefined {
    return this.#transport.remote.port;
  }

  get remoteFamily(): string | undefined {
    return familyOf(this.remoteAddress);
  }

  get localAddress(): string | undefined {
    return this.#transport.local.address;
  }

  get localPort(): number | undefined {
    return this.#transport.local.port;
  }

  get localFamily(): string | undefined {
    return familyOf(this.localAddress);
  }

  get readable(): boolean {
    return !this.destroyed && this.#input !== 'ended';
  }

  get writable(): boolean {
    return !this.destroyed && this.#output === 'open';
  }

  get readyState(): 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.readable) return this.writable ? 'open' : 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }

  /** Makes the session that reads from here, and writes. Call it once. */
  createSession(platform: Platform, options: ConnectionOptions): Connection {
    const transport = new StreamSocket.#SessionTransport(this);
    // The closing handshake and the heartbeat keep time from now on.
    this.setTimeout(0);
    // Its listeners so far were the handshake's, and have gone: EventEmitter has left a hash table behind.
    shapeListeners(this);
    if (this.#input === 'kept') this.#transport.pause();
    else if (this.#input === 'ignored') this.#input = 'session';
    const session = new Connection(platform, transport, options);
    this.#session = session;
    return session;
  }

  /** Reads ahead until there is a session or a refusal, so that the end of the connection is noticed. */
  watch(): void {
    if (this.#session !== null || !this.writable) return;
    this.#input = 'kept';
    this.#transport.start();
  }

  /** A listener that was given the request has thrown: without a session nothing else would end the connection. */
  abandon(): void {
    if (this.#session === null && this.#output === 'open') this.destroy();
  }

  #deliverKept(): void {
    const chunks = this.#kept;
    this.#kept = null;
    if (this.#input === 'kept') this.#input = 'session';
    if (chunks !== null) this.#session!.receive(Buffer.concat(chunks));
    if (!this.#isEndKept) return;
    this.#isEndKept = false;
    this.receiveEnd();
  }

  /** Puts back bytes that a session which has not been started yet must read first. */
  unshift(chunk: Uint8Array): void {
    this.#input = 'kept';
    (this.#kept ??= []).unshift(copyToOwn(chunk));
    this.#keptBytes += chunk.length;
  }

  /** Writes past the session, if it has one: behind its frames so far. Bytes must not be changed before `callback`. */
  write(data: string | Uint8Array, encoding?: BufferEncoding | Done, callback?: Done): boolean {
    this.#session?.handOver?.();
    const done = typeof encoding === 'function' ? encoding : callback;
    if (!this.writable) {
      if (done) nextTick(done, endedError());
      return false;
    }
    const bytes = typeof data === 'string' ? Buffer.from(data, typeof encoding === 'string' ? encoding : 'utf8') : data;
    this.bytesWritten += bytes.length;
    if (this.#idle !== undefined) this.#waitForTraffic();
    if (this.#corks === 0) return this.#writeNow([bytes], done);
    (this.#corked ??= []).push(bytes);
    if (done) (this.#corkedDone ??= []).push(done);
    return true;
  }

  #writeNow(chunks: readonly Uint8Array[], done: Done | undefined): boolean {
    const isTaken = this.#transport.write(chunks, () => this.#endWrite());
    if (!isTaken) (this.#waiting ??= []).push(done);
    else if (done) nextTick(done);
    return isTaken;
  }

  #flushCorked(): void {
    const chunks = this.#corked;
    if (chunks === null) return;
    const callbacks = this.#corkedDone ?? [];
    this.#corked = this.#corkedDone = null;
    this.#writeNow(chunks, (error) => {
      for (const done of callbacks) guard(this.#platform, () => done(error));
    });
  }

  #endWrite(): void {
    const done = this.#waiting?.shift();
    if (done) nextTick(done);
    if (this.#waiting?.length) return;
    this.#waiting = null;
    if (this.#output === 'ending') this.#finish();
    else nextTick(() => this.emit('drain'));
  }

  /** Sends FIN behind all writes. */
  end(data?: string | Uint8Array | Done, encoding?: BufferEncoding | Done, callback?: Done): this {
    const done = [data, encoding, callback].find((value) => typeof value === 'function');
    if (typeof data === 'string' || isUint8Array(data)) this.write(data, typeof encoding === 'string' ? encoding : undefined);
    if (this.#output !== 'open' || this.destroyed) return this;
    this.#session?.handOver?.();
    if (done) this.once('finish', done);
    this.#corks = 0;
    this.#flushCorked();
    this.#output = 'ending';
    if (this.#input === 'kept') this.#input = 'ignored';
    this.#kept = null;
    // The connection has another timer.
    if (this.#session === null) this.#linger = this.#platform.ownTimer(() => this.destroy(), LINGER);
    if (this.#waiting === null) this.#finish();
    return this;
  }

  destroy(error?: Error): this {
    if (this.destroyed) return this;
    this.destroyed = true;
    this.#error = error;
    this.#clearTimers();
    this.#transport.destroy();
    return this;
  }

  pause(): this {
    this.#transport.pause();
    return this;
  }

  resume(): this {
    this.#transport.resume();
    return this;
  }

  ref(): this {
    this.#transport.ref(true);
    return this;
  }

  unref(): this {
    this.#transport.ref(false);
    return this;
  }

  /** Keeps the chunks of {@link write} until as many calls of {@link uncork}. Then they leave in one write. */
  cork(): void {
    this.#corks++;
  }

  uncork(): void {
    if (this.#corks > 0 && --this.#corks === 0) this.#flushCorked();
  }

  /** Turns TCP_NODELAY, which is on, off or on. Without effect where the runtime has no way to do so: TLS on Deno. */
  setNoDelay(isOn: boolean = true): this {
    this.#transport.setNoDelay?.(isOn);
    return this;
  }

  /**
   * Turns TCP keep-alive on or off. Without effect where the runtime has no way to do so: TLS on Deno.
   *
   * @param delay Milliseconds until the first probe; 0 for the system's own. Deno always takes the system's.
   */
  setKeepAlive(isOn: boolean = false, delay: number = 0): this {
    this.#transport.setKeepAlive?.(isOn, delay);
    return this;
  }

  /**
   * Emits `timeout` once nothing was read or written for so long. The socket stays open.
   *
   * @param milliseconds 0 for never.
   * @param callback Added as a listener, for one time; removed with 0.
   * @throws {RangeError} if it is not a number of 0 or more.
   */
  setTimeout(milliseconds: number, callback?: () => void): this {
    checkTime('timeout', milliseconds);
    this.timeout = milliseconds;
    if (callback !== undefined) {
      if (milliseconds > 0) this.once('timeout', callback);
      else this.off('timeout', callback);
    }
    this.#waitForTraffic();
    return this;
  }

  #waitForTraffic(): void {
    if (this.#idle !== undefined) this.#platform.clearTimer(this.#idle);
    this.#idle = undefined;
    if (this.timeout === 0 || this.destroyed) return;
    this.#idle = this.#platform.ownTimer(() => this.emit('timeout'), this.timeout);
  }

  #clearTimers(): void {
    for (const timer of [this.#linger, this.#idle]) if (timer !== undefined) this.#platform.clearTimer(timer);
    this.#idle = undefined;
  }

  address(): { address?: string; port?: number; family?: string } {
    const { localAddress: address, localPort: port, localFamily: family } = this;
    return { ...(address !== undefined && { address }), ...(port !== undefined && { port }), ...(family && { family }) };
  }

  // From the transport.

  get keepsNothing(): boolean {
    return this.#input === 'session';
  }

  receive(chunk: Uint8Array): void {
    this.bytesRead += chunk.length;
    if (this.#idle !== undefined) this.#waitForTraffic();
    if (this.#input === 'session') this.#session!.receive(chunk);
    else if (this.#input === 'kept') this.#keep(chunk);
  }

  receiveInput(length: number): void {
    if (this.#input !== 'session') return this.receive(this.#platform.codec.input.subarray(0, length));
    this.bytesRead += length;
    if (this.#idle !== undefined) this.#waitForTraffic();
    this.#session!.receiveInput(length);
  }

  #keep(chunk: Uint8Array): void {
    (this.#kept ??= []).push(copyToOwn(chunk));
    this.#keptBytes += chunk.length;
    if (this.#keptBytes >= MAXIMUM_KEPT_BYTES) this.#transport.pause();
  }

  receiveEnd(): void {
    if (this.#input === 'kept' && this.#kept !== null) {
      this.#isEndKept = true;
      return;
    }
    this.#input = 'ended';
    const session = this.#session;
    if (session !== null) guard(this.#platform, () => session.receiveEnd());
    else if (this.#output !== 'open') this.destroy();
    guard(this.#platform, () => this.emit('end'));
  }

  closed(error?: Error): void {
    if (this.#input === 'closed') return;
    this.destroyed = true;
    this.#clearTimers();
    const fault = this.#error ?? error;
    this.#onClosed?.();
    const lost = fault ?? new Error('The socket was closed before the data was written');
    const waiting = [...(this.#waiting ?? []), ...(this.#corkedDone ?? [])];
    this.#corkedDone = null;
    for (const done of waiting) if (done) nextTick(done, lost);
    this.#waiting = null;
    const session = this.#session;
    if (session !== null && this.#kept !== null) guard(this.#platform, () => this.#deliverKept());
    this.#input = 'closed';
    // The program may keep this socket with its request: the WebSocket shall not live on with it.
    this.#session = null;
    guard(this.#platform, () => session?.closed(fault));
    if (fault !== undefined && this.listenerCount('error') > 0) guard(this.#platform, () => this.emit('error', fault));
    guard(this.#platform, () => this.emit('close', fault !== undefined));
  }

  /** All was written: ends, and waits for the end of the peer. Unread bytes would cause a reset, which discards bytes that the peer has not read. */
  #finish(): void {
    if (this.destroyed) return;
    this.#output = 'ended';
    this.#transport.end();
    nextTick(() => {
      this.emit('finish');
      if (!this.destroyed && this.#session === null) this.#transport.start();
    });
  }
}

function familyOf(address: string | undefined): string | undefined {
  if (address === undefined || address.startsWith('/')) return undefined;
  return address.includes(':') ? 'IPv6' : 'IPv4';
}
