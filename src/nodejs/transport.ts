// Node.js transport: joins a session to a net.Socket, a tls.TLSSocket or any Duplex.

import { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { takes } from '../base/fast-paths.ts';
import { guard } from '../base/guard.ts';
import { immediate, nextTick, ownTimer, type Timer } from '../clock.ts';
import type { Transport, TransportEvents } from '../platform.ts';
import { readInto } from './direct-read.ts';
import { platform } from './platform.ts';
import { copyToOwn } from './buffers.ts';

/** Members that sockets have and other Duplex streams do not have. */
interface SocketOptions {
  setTimeout?: (milliseconds: number) => void;
  setNoDelay?: (on: boolean) => void;
  /** Whether it is a tls.TLSSocket. */
  readonly encrypted?: boolean;
  /** Bytes that were given to the system. */
  readonly _bytesDispatched?: number;
  readonly bytesWritten?: number;
}

/** The encoding that streams name for chunks that have none. */
const BUFFER = 'buffer' as BufferEncoding;

const writesDirectly = takes('direct-write');

const NOTHING = new Uint8Array(0);

const IS_DENO = 'Deno' in globalThis;

/** Counts the bytes that a socket was given. Sockets of Bun's `node:http` do not change `_bytesDispatched`; `bytesWritten` looks through the queue, which takes time. */
const COUNTER = 'Bun' in globalThis ? 'bytesWritten' : '_bytesDispatched';

function destroy(socket: Duplex): void {
  socket.destroy();
}

/** Key of a socket's transport. All sockets share the listeners, because separate ones take 300 bytes a connection. */
const TRANSPORT = Symbol('transport');

interface Carrier {
  [TRANSPORT]?: NodeTransport;
}

type Acknowledge = (error?: Error | null) => void;

/**
 * Counts turns of the event loop while a write is under way. node:tls acknowledges each write later: one that the system took at once
 * before the next `setImmediate` on Node.js 20 to 26, and before the second one on Deno 2.9.
 */
let turn = 0;
let isTurnCounted = false;
/** Transports with a write that began in this turn. */
let begun: NodeTransport[] = [];

function endTurn(): void {
  isTurnCounted = false;
  turn++;
  const transports = begun;
  begun = [];
  for (const transport of transports) transport.watch();
}

function waitTurn(): void {
  immediate(endTurn);
}

function currentTurn(): number {
  if (!isTurnCounted) immediate(waitTurn);
  isTurnCounted = true;
  return turn;
}

/** Transports whose writes wait for more than a turn. They are looked at in this period. Milliseconds. */
const slow = new Set<NodeTransport>();
const PERIOD = 200;
let timer: Timer | undefined;

function lookAtSlow(): void {
  // First: were it left behind an exception, no timer would follow.
  timer = undefined;
  // All before the first callback of a program, which may complete writes whose callbacks are then due.
  const lost = [...slow].map((transport) => [transport, transport.takeLost()] as const);
  for (const [transport, writes] of lost) {
    guard(platform, () => transport.acknowledge(writes));
    if (!transport.isWaiting) slow.delete(transport);
  }
  if (slow.size > 0) timer ??= ownTimer(lookAtSlow, PERIOD);
}

export class NodeTransport implements Transport {
  readonly #socket: Duplex;
  #events: TransportEvents | null = null;
  #isPaused = false;
  /** Whether writes go to the operating system. Other streams may pass a chunk on, and read it after its callback. */
  readonly #isSocket: boolean;
  /** Whether the system may take a write at once. node:tls never does, and a second write before its acknowledgement aborts the process. */
  readonly #isQuick: boolean;
  #error: Error | undefined;
  #onWritten: ((isAtOnce?: boolean) => void) | null = null;
  /** The turn in which the write under way began. */
  #turn = 0;
  /** The turn of the last write to the queue of the stream. */
  #lastTurn = 0;
  /** Whether the stream has all bytes of our writes, so that its `writableLength` tells when they are written. A program may have replaced `write`. */
  #isCounted = false;
  /** Writes that are not acknowledged. */
  #waiting = 0;
  /** Whether the program has the socket. */
  #isExposed = false;
  #isWriting = false;
  /** Whether the running write is complete. */
  #isTaken = false;
  /** The callback of all writes. Made with the first one, because a connection that only receives does not need it. */
  #acknowledge: Acknowledge | undefined;
  /** Whether a direct write waits. */
  #isDirect = false;
  /** While a direct write waits: lets the queue of the stream go on. */
  #release: Acknowledge | undefined;

  constructor(socket: Duplex) {
    this.#socket = socket;
    this.#isSocket = socket instanceof Socket;
    this.#isQuick = writesDirectly && this.#isSocket && (socket as SocketOptions).encrypted !== true;
    (socket as Carrier)[TRANSPORT] = this;
    socket.on('end', NodeTransport.#onEnd);
    socket.on('error', NodeTransport.#onError);
    socket.on('close', NodeTransport.#onClose);
    // A flowing stream, for example one with a listener of a test helper, would drop bytes before the start.
    if (socket.readableFlowing === true) socket.pause();
    // The closing handshake and the heartbeat have their own timers, and we gather frames instead of Nagle's algorithm.
    const options = socket as SocketOptions;
    options.setTimeout?.(0);
    options.setNoDelay?.(true);
  }

  /** Whether `socket` is the transport of a session, or has been. */
  static carries(socket: object): boolean {
    return TRANSPORT in socket;
  }

  /** Sets the receiver of the socket's events, instead of the former one. */
  attach(events: TransportEvents): void {
    this.#events = events;
  }

  start(): void {
    const socket = this.#socket;
    if (socket.destroyed) return;
    // Bytes that arrived earlier are in the socket's buffer. They come before all later reads.
    for (let chunk: Uint8Array | null; (chunk = socket.read() as Uint8Array | null) !== null;) this.#events!.receive(chunk);
    const isDirect = readInto(socket, platform.codec.input, NodeTransport.#onRead);
    if (!isDirect) socket.on('data', NodeTransport.#onData);
    // read() above has made the handle read, so that pausing once is not enough.
    if (this.#isPaused) socket.pause();
    else this.resume();
  }

  write(chunks: readonly Uint8Array[], onWritten: (isAtOnce?: boolean) => void): boolean {
    const socket = this.#socket;
    if (socket.destroyed) return false;
    this.#onWritten = onWritten;
    const isTaken = this.#isQuick && this.#isIdle ? this.#writeDirectly(chunks) : this.#writeQueued(chunks);
    // The callback may belong to the handshake, which must not be kept alive.
    if (isTaken) this.#onWritten = null;
    else if (this.#waiting === 1) this.#begin();
    return isTaken;
  }

  /** Whether nothing is in the queue of the stream: a write of the program, or the response of the opening handshake, which go first. */
  get #isIdle(): boolean {
    const socket = this.#socket;
    return this.#waiting === 0 && socket.writableLength === 0 && socket.writableCorked === 0 && !socket.writableEnded;
  }

  /**
   * Writes without the queue of the stream, which costs a tick and bookkeeping for each write. The queue itself calls `_write`. If the system
   * does not take all at once, the queue waits: the program may write as well.
   */
  #writeDirectly(chunks: readonly Uint8Array[]): boolean {
    const socket = this.#socket;
    this.#isWriting = true;
    this.#isTaken = false;
    if (chunks.length === 1) {
      socket._write(chunks[0], BUFFER, (this.#acknowledge ??= this.#makeAcknowledge()));
    } else {
      const list = chunks.map((chunk) => ({ chunk, encoding: BUFFER }));
      // Tells net.Socket that no chunk is a string.
      socket._writev!(Object.assign(list, { allBuffers: true }), (this.#acknowledge ??= this.#makeAcknowledge()));
    }
    this.#isWriting = false;
    if (this.#isTaken) return true;
    this.#waiting++;
    this.#isDirect = this.#isCounted = true;
    if (!socket.destroyed) this.#occupy();
    return false;
  }

  /** Makes the stream wait for the direct write, by a write of no bytes that ends with it. */
  #occupy(): void {
    const socket = this.#socket;
    const own = Object.getOwnPropertyDescriptor(socket, '_write');
    socket._write = NodeTransport.#keepCallback;
    Duplex.prototype.write.call(socket, NOTHING, BUFFER);
    if (own === undefined) delete (socket as Partial<Duplex>)._write;
    else Object.defineProperty(socket, '_write', own);
  }

  static #keepCallback(this: Carrier, _chunk: unknown, _encoding: unknown, callback: Acknowledge): void {
    this[TRANSPORT]!.#release = callback;
  }

  /** The direct write is over: writes what the program has written since, or fails it if the socket is destroyed. */
  #free(): void {
    const release = this.#release;
    this.#release = undefined;
    if (release === undefined) return;
    // Listeners of 'drain' may throw.
    guard(platform, () => release());
  }

  #writeQueued(chunks: readonly Uint8Array[]): boolean {
    const socket = this.#socket;
    const last = chunks.length - 1;
    const { writableLength, [COUNTER]: given = 0 } = socket as Duplex & SocketOptions;
    let length = 0;
    for (const chunk of chunks) length += chunk.length;
    this.#waiting++;
    this.#lastTurn = currentTurn();
    const own = (chunk: Uint8Array): Uint8Array => (this.#isSocket ? chunk : copyToOwn(chunk));
    if (last > 0) socket.cork();
    for (let index = 0; index < last; index++) socket.write(own(chunks[index]));
    socket.write(own(chunks[last]), (this.#acknowledge ??= this.#makeAcknowledge()));
    const isQueued = socket.writableLength === writableLength + length;
    const isCounted = isQueued || (socket as SocketOptions)[COUNTER] === given + length;
    this.#isCounted = isCounted && (this.#isCounted || this.#waiting === 1);
    if (last > 0) socket.uncork();
    return false;
  }

  #begin(): void {
    this.#turn = currentTurn();
    begun.push(this);
  }

  /** The turn in which a write began is over. */
  watch(): void {
    if (this.#waiting === 0) return;
    slow.add(this);
    timer ??= ownTimer(lookAtSlow, PERIOD);
  }

  get isWaiting(): boolean {
    return this.#waiting > 0 && !this.#socket.destroyed;
  }

  /**
   * The stream calls no callback behind an exception of a program's 'drain' listener or callback.
   *
   * @returns How many writes the stream has made without calling their callbacks. They must be {@link acknowledge}d.
   */
  takeLost(): number {
    const isWritten = this.#isCounted && !this.#isDirect && this.#socket.writableLength === 0;
    if (!this.isWaiting || !isWritten || this.#lastTurn === currentTurn()) return 0;
    // Their callbacks do nothing any more.
    this.#acknowledge = undefined;
    return this.#waiting;
  }

  acknowledge(writes: number): void {
    for (let index = 0; index < writes; index++) this.#report();
  }

  /** A write is acknowledged. */
  #report(): void {
    this.#waiting--;
    this.#onWritten?.(this.#turn === turn);
  }

  // A separate function: V8 allocates a scope for any function that contains a closure.
  #makeAcknowledge(): Acknowledge {
    const acknowledge: Acknowledge = (error) => {
      if (acknowledge !== this.#acknowledge) return;
      if (error) this.#socket.destroy(error);
      else if (this.#isWriting) this.#isTaken = true;
      if (this.#isWriting) return;
      this.#isDirect = false;
      // Still counted as waiting, so that all writes of the program's callbacks go through the queue.
      this.#free();
      // A write that a destroyed socket lost completes without an error. 'close' follows, and ends the connection.
      if (!error && !this.#socket.destroyed) this.#report();
    };
    return acknowledge;
  }

  expose(): void {
    if (this.#isExposed) return;
    this.#isExposed = true;
    const socket = this.#socket;
    for (const name of ['write', 'end'] as const) {
      const method = socket[name] as (...given: unknown[]) => unknown;
      const value = (...given: unknown[]): unknown => {
        this.#events?.handOver?.();
        return method.apply(socket, given);
      };
      Object.defineProperty(socket, name, { configurable: true, writable: true, value });
    }
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    // On Deno the stream keeps the error with which waiting writes end, and the error all objects of its call stack: not the WebSocket's.
    if (this.#waiting > 0 && IS_DENO) nextTick(destroy, this.#socket);
    else this.#socket.destroy();
  }

  pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    const socket = this.#socket as Duplex & SocketOptions;
    // A TLS socket of Deno reads and delivers within resume(). A listener may be using what was read before.
    if (IS_DENO && socket.encrypted === true) nextTick(NodeTransport.#resumeNow, this);
    else socket.resume();
  }

  static #resumeNow(this: void, transport: NodeTransport): void {
    const socket = transport.#socket;
    if (transport.#isPaused || socket.destroyed) return;
    socket.resume();
    // The receiver has paused meanwhile.
    if (transport.#isPaused) socket.pause();
  }

  // Listeners of the socket.

  static #onRead(this: Carrier, length: number): void {
    this[TRANSPORT]!.#events?.receiveInput(length);
  }

  static #onData(this: Carrier, chunk: Uint8Array): void {
    this[TRANSPORT]!.#events?.receive(chunk);
  }

  static #onEnd(this: Carrier): void {
    this[TRANSPORT]!.#events?.receiveEnd();
  }

  static #onError(this: Carrier, error: Error): void {
    this[TRANSPORT]!.#error = error;
  }

  static #onClose(this: Carrier & Duplex): void {
    const transport = this[TRANSPORT]!;
    transport.#free();
    // Bytes that a pause kept back. After this there is no other chance to read them.
    const rest = this.readableLength > 0 ? (this.read() as Uint8Array | null) : null;
    const events = transport.#events;
    if (rest !== null) guard(platform, () => events?.receive(rest));
    // The program's request may keep the socket alive. It must not keep the connection alive.
    transport.#events = transport.#onWritten = null;
    guard(platform, () => events?.closed(transport.#error));
  }
}
