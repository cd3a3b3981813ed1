// A raw transport in the shape that ws programs know: what they use of a net.Socket, as far as it goes without streams.

import { Buffer } from 'node:buffer';
import { EventEmitter } from 'node:events';
import { shapeListeners } from '../../api/ws/emitter.ts';
import type { Platform, Timer, TransportEvents } from '../../platform.ts';
import { Connection, type ConnectionOptions } from '../../protocol/connection.ts';
import { guard } from '../../base/guard.ts';
import { copyToOwn } from '../../nodejs/views.ts';
import type { ByteStream } from '../network.ts';
import { SessionTransport } from '../session-transport.ts';
import { nextTick } from '../../clock.ts';
import { isUint8Array } from '../../base/realms.ts';

/** How long a peer that has been answered may take to end, in milliseconds: as long as nginx's `lingering_timeout`. */
export const LINGER = 5000;
/** Most bytes, or nearly so, that are read before there is a session: as the `highWaterMark` of a stream. */
const MAXIMUM_KEPT_BYTES = 16_384;

type Done = (error?: Error | null) => void;

/** What a socket lets the transport of its session do to it. */
let lent: {
  deliverKept(socket: StreamSocket): void;
  endBySession(socket: StreamSocket): void;
};

/** The transport of a session: what it does to it shows on the socket. */
class CarryingTransport extends SessionTransport {
  readonly #socket: StreamSocket;

  constructor(socket: StreamSocket, transport: ByteStream) {
    super(transport);
    this.#socket = socket;
  }

  protected override deliverKept(): void {
    lent.deliverKept(this.#socket);
  }

  override write(chunks: readonly Uint8Array[], onWritten: (isAtOnce?: boolean) => void): boolean {
    for (const chunk of chunks) this.#socket.bytesWritten += chunk.length;
    return super.write(chunks, onWritten);
  }

  override end(): void {
    lent.endBySession(this.#socket);
    super.end();
  }

  override destroy(): void {
    this.#socket.destroy();
  }
}

/** Events: `finish`, `end`, `error` when somebody listens, `close`. Bytes go to the session, not to `data`. */
export class StreamSocket extends EventEmitter implements TransportEvents {
  readonly encrypted: boolean;
  readonly authorized: boolean = false;
  destroyed: boolean = false;
  /** Bytes since the head of the handshake. */
  bytesRead: number = 0;
  bytesWritten: number = 0;
  readonly #transport: ByteStream;
  readonly #platform: Platform;
  readonly #onClosed: (() => void) | undefined;
  #session: TransportEvents | null = null;
  #isEnding = false;
  #hasEnded = false;
  #isClosed = false;
  /** Callbacks of the writes by {@link write} that the operating system has not taken yet. */
  #waiting: (Done | undefined)[] | null = null;
  #error: Error | undefined;
  #timer: Timer | undefined;
  #isWatching = false;
  /** What was read while watching. */
  #kept: Uint8Array[] | null = null;
  #keptBytes = 0;
  /** Whether FIN came behind what is kept. */
  #isEndKept = false;

  static {
    lent = {
      deliverKept: (socket) => socket.#deliverKept(),
      endBySession: (socket) => socket.#endBySession(),
    };
  }

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
    return !this.destroyed && !this.#hasEnded;
  }

  get writable(): boolean {
    return !this.destroyed && !this.#isEnding;
  }

  get readyState(): 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.readable) return this.writable ? 'open' : 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }

  /** Makes the session that reads from here, and writes. Call it once. */
  createSession(platform: Platform, options: ConnectionOptions): Connection {
    const transport = new CarryingTransport(this, this.#transport);
    // Its listeners so far were the handshake's, and have gone: EventEmitter has left a hash table behind.
    shapeListeners(this);
    if (this.#isWatching) this.#transport.pause();
    const session = new Connection(platform, transport, options);
    this.#session = session;
    return session;
  }

  /** Reads ahead while it is being decided whether there will be a session, so that a peer who leaves is noticed. */
  watch(): void {
    if (this.#session !== null || !this.writable) return;
    this.#isWatching = true;
    this.#transport.start();
  }

  /** Who was given the request has thrown: without a session nobody would ever end the connection. */
  abandon(): void {
    if (this.#session === null && !this.#isEnding) this.destroy();
  }

  #deliverKept(): void {
    const chunks = this.#kept;
    this.#kept = null;
    this.#isWatching = false;
    if (chunks !== null) this.#session!.receive(Buffer.concat(chunks));
    if (!this.#isEndKept) return;
    this.#isEndKept = false;
    this.receiveEnd();
  }

  /** Puts back what a session that has not been started yet shall read first. */
  unshift(chunk: Uint8Array): void {
    this.#isWatching = true;
    (this.#kept ??= []).unshift(copyToOwn(chunk));
    this.#keptBytes += chunk.length;
  }

  /** Writes past the session: between two of its frames, if it has one. Bytes must not be changed before `callback`. */
  write(data: string | Uint8Array, encoding?: BufferEncoding | Done, callback?: Done): boolean {
    const done = typeof encoding === 'function' ? encoding : callback;
    if (!this.writable) {
      if (done) nextTick(done, new Error('The socket has been ended'));
      return false;
    }
    const bytes = typeof data === 'string' ? Buffer.from(data, typeof encoding === 'string' ? encoding : 'utf8') : data;
    this.bytesWritten += bytes.length;
    const isTaken = bytes.length === 0 || this.#transport.write([bytes], () => this.#endWrite());
    if (!isTaken) (this.#waiting ??= []).push(done);
    else if (done) nextTick(done);
    return isTaken;
  }

  #endWrite(): void {
    const done = this.#waiting?.shift();
    if (done) nextTick(done);
    if (this.#waiting?.length) return;
    this.#waiting = null;
    if (this.#isEnding) this.#finish();
    else nextTick(() => this.emit('drain'));
  }

  /** Sends FIN behind what was written. */
  end(data?: string | Uint8Array | Done, encoding?: BufferEncoding | Done, callback?: Done): this {
    const done = [data, encoding, callback].find((value) => typeof value === 'function');
    if (typeof data === 'string' || isUint8Array(data)) this.write(data, typeof encoding === 'string' ? encoding : undefined);
    if (this.#isEnding || this.destroyed) return this;
    if (done) this.once('finish', done);
    this.#isEnding = true;
    this.#isWatching = false;
    this.#kept = null;
    // Nobody else keeps time once the peer is refused.
    if (this.#session === null) this.#timer = this.#platform.ownTimer(() => this.destroy(), LINGER);
    if (this.#waiting === null) this.#finish();
    return this;
  }

  destroy(error?: Error): this {
    if (this.destroyed) return this;
    this.destroyed = true;
    this.#error = error;
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

  /** Does nothing: frames of a turn leave in one write anyhow. */
  cork(): void {}

  /** Does nothing. */
  uncork(): void {}

  /** Does nothing: frames never wait for others. */
  setNoDelay(): this {
    return this;
  }

  /** Does nothing: keep time with Pings. */
  setKeepAlive(): this {
    return this;
  }

  /** Does nothing: keep time with Pings. */
  setTimeout(): this {
    return this;
  }

  address(): { address?: string; port?: number; family?: string } {
    const { localAddress: address, localPort: port, localFamily: family } = this;
    return { ...(address !== undefined && { address }), ...(port !== undefined && { port }), ...(family && { family }) };
  }

  // From the transport.

  receive(chunk: Uint8Array): void {
    this.bytesRead += chunk.length;
    if (this.#session !== null && !this.#isWatching) this.#session.receive(chunk);
    else if (this.#isWatching) this.#keep(chunk);
    // Otherwise the peer has been refused, and what it still says is of no interest.
  }

  receiveInput(length: number): void {
    if (this.#session === null || this.#isWatching) {
      this.receive(this.#platform.codec.input.subarray(0, length));
    } else {
      this.bytesRead += length;
      this.#session.receiveInput(length);
    }
  }

  #keep(chunk: Uint8Array): void {
    (this.#kept ??= []).push(copyToOwn(chunk));
    this.#keptBytes += chunk.length;
    if (this.#keptBytes >= MAXIMUM_KEPT_BYTES) this.#transport.pause();
  }

  receiveEnd(): void {
    if (this.#isWatching && this.#kept !== null) {
      this.#isEndKept = true;
      return;
    }
    this.#hasEnded = true;
    const session = this.#session;
    if (session !== null) guard(this.#platform, () => session.receiveEnd());
    else if (this.#isEnding) this.destroy();
    guard(this.#platform, () => this.emit('end'));
  }

  closed(error?: Error): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.destroyed = true;
    if (this.#timer !== undefined) this.#platform.clearTimer(this.#timer);
    const fault = this.#error ?? error;
    this.#onClosed?.();
    const lost = fault ?? new Error('The socket was closed before the data was written');
    for (const done of this.#waiting ?? []) if (done) nextTick(done, lost);
    this.#waiting = null;
    const session = this.#session;
    if (session !== null && this.#kept !== null) guard(this.#platform, () => this.#deliverKept());
    // The program may keep this socket with its request: the WebSocket shall not live on with it.
    this.#session = null;
    guard(this.#platform, () => session?.closed(fault));
    if (fault !== undefined && this.listenerCount('error') > 0) guard(this.#platform, () => this.emit('error', fault));
    guard(this.#platform, () => this.emit('close', fault !== undefined));
  }

  #endBySession(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    nextTick(() => this.emit('finish'));
  }

  /** All was written: ends, and waits for the peer to do so as well. Unread bytes would reset what it has not read yet. */
  #finish(): void {
    if (this.destroyed) return;
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
