// A socket of Bun.listen or Bun.connect as a byte stream.
//
// Bun calls one handler object for all sockets, and each socket carries its transport as `data`: no closures a connection.

import type { TransportEvents } from '../../src/platform.ts';
import type { EndpointAddress, ByteStream } from '../../src/http1/network.ts';
import { PendingWrite, type GatherPool } from '../../src/http1/pending-write.ts';
import type { BunSocket, SocketHandlers } from './bun.ts';
import { defer } from '../../src/clock.ts';
import { platform } from './platform.ts';

/**
 * Bun has no gathering write: several chunks are copied together up to this size, in memory that all sockets share. With it the
 * frame header of a large payload never leaves alone. More did not pay
 * with 64 KiB or 1 MiB (16, 64, 128 and 1,100 KiB tried; the differences are near the noise).
 */
const GATHER_BYTES = 16384;
let gathered: Uint8Array | undefined;
const POOL: GatherPool = { size: GATHER_BYTES, take: () => (gathered ??= new Uint8Array(GATHER_BYTES)) };

/**
 * Chunks from this length on are freed as soon as they are copied, instead of by the garbage collector. Bun's allocator returns memory that was free
 * for some milliseconds to the system. 1 MiB echo over 64 connections: 313 page faults and 2.1 ms a message before, 180 and 1.7 after.
 */
const FREE_FROM = 16384;
type Transferable = ArrayBuffer & { transfer(length: number): ArrayBuffer };

/** Events of a connection until bytes may flow. All connections of a listener share one object. */
export interface SetupEvents {
  /** The connection is there; with TLS, its handshake begins. */
  onOpen(transport: BunTransport): void;
  /** Bytes may flow. */
  onReady(transport: BunTransport): void;
  /** It closed before it was ready. */
  onFailure(transport: BunTransport, error: Error): void;
}

/** The connection. */
const State = {
  /** It takes no bytes yet: with TLS until the end of its handshake. */
  CONNECTING: 0,
  OPEN: 1,
  CLOSED: 2,
  /** Its receiver knows that it is closed. */
  REPORTED: 3,
} as const;
type State = (typeof State)[keyof typeof State];

/** One direction of the connection. */
const Half = {
  OPEN: 0,
  /** In: FIN came, behind bytes that are kept. Out: FIN follows the writes that are not done. */
  ENDING: 1,
  /** In: the receiver knows. Out: FIN was sent. */
  ENDED: 2,
  /** Dropped: nothing is reported or written any more. */
  CUT: 3,
} as const;
type Half = (typeof Half)[keyof typeof Half];

export class BunTransport implements ByteStream {
  readonly isSecure: boolean;
  #socket: BunSocket<BunTransport> | null = null;
  #events: TransportEvents | null = null;
  /** Null after its last event: it keeps the whole opening handshake alive. */
  #setup: SetupEvents | null;
  #state: State = State.CONNECTING;
  #input: Half = Half.OPEN;
  #output: Half = Half.OPEN;
  #isFlowing = false;
  #isSocketPaused = false;
  /** Bytes that arrived while the flow was stopped. No empty array, which every idle connection would hold. */
  #kept: Uint8Array[] | null = null;
  #isDeliveryPlanned = false;
  /** Writes that are not done. As {@link #kept}, null rather than empty. */
  #pending: PendingWrite[] | null = null;
  #error: Error | undefined;
  #remote: EndpointAddress | undefined;
  #local: EndpointAddress | undefined;

  constructor(isSecure: boolean, setup: SetupEvents) {
    this.isSecure = isSecure;
    this.#setup = setup;
  }

  get remote(): EndpointAddress {
    const socket = this.#socket;
    return (this.#remote ??= { address: socket?.remoteAddress, port: socket?.remotePort });
  }

  get local(): EndpointAddress {
    const socket = this.#socket;
    return (this.#local ??= { address: socket?.localAddress, port: socket?.localPort });
  }

  attach(events: TransportEvents): void {
    this.#events = events;
    this.#planDelivery();
  }

  start(): void {
    this.resume();
  }

  resume(): void {
    this.#isFlowing = true;
    this.#planDelivery();
    if (!this.#isSocketPaused || this.#isClosed) return;
    this.#isSocketPaused = false;
    this.#socket!.resume();
  }

  pause(): void {
    this.#isFlowing = false;
    this.#pauseSocket();
  }

  write(chunks: readonly Uint8Array[], onWritten: () => void, borrowed?: Uint8Array): boolean {
    if (this.#isClosed || this.#output !== Half.OPEN) return false;
    const socket = this.#socket;
    const isFirst = this.#pending === null && this.#state === State.OPEN;
    if (isFirst && chunks.length === 1) {
      const [chunk] = chunks;
      const taken = socket!.write(chunk);
      if (taken === chunk.length) return true;
      const rest = new PendingWrite(chunks, onWritten, POOL);
      rest.advance(Math.max(taken, 0));
      if (borrowed !== undefined) rest.own(platform.blocks);
      this.#pending = [rest];
      return false;
    }
    const write = new PendingWrite(chunks, onWritten, POOL);
    if (isFirst && advance(socket!, write)) return true;
    if (borrowed !== undefined) write.own(platform.blocks);
    (this.#pending ??= []).push(write);
    return false;
  }

  end(): void {
    if (this.#output !== Half.OPEN) return;
    this.#output = Half.ENDING;
    if (this.#state === State.OPEN && this.#pending === null) this.#finish();
  }

  destroy(): void {
    this.#cut();
    if (this.#isClosed) return;
    // Not `terminate`: its reset would overtake written bytes.
    if (this.#socket !== null) this.#socket.close();
    else this.closed(undefined);
  }

  ref(isKept: boolean): void {
    if (this.#isClosed) return;
    if (isKept) this.#socket?.ref();
    else this.#socket?.unref();
  }

  setNoDelay(isOn: boolean): void {
    if (!this.#isClosed) this.#socket?.setNoDelay(isOn);
  }

  setKeepAlive(isOn: boolean, delay: number): void {
    if (!this.#isClosed) this.#socket?.setKeepAlive(isOn, delay);
  }

  get takesBorrowed(): boolean {
    return true;
  }

  get #isClosed(): boolean {
    return this.#state >= State.CLOSED;
  }

  // From the socket.

  opened(socket: BunSocket<BunTransport>): void {
    this.#socket = socket;
    // Given up while it was connecting.
    if (this.#isClosed) return socket.close();
    this.#setup?.onOpen(this);
    if (!this.isSecure) this.#begin();
  }

  /** The TLS handshake is over. */
  secured(error: Error | undefined): void {
    if (error === undefined) this.#begin();
    else this.failed(error);
  }

  failed(error: Error): void {
    if (this.#isClosed) return;
    this.#error = error;
    this.#stopWriting();
    if (this.#socket !== null) this.#socket.close();
    else this.closed(undefined);
  }

  received(bytes: Uint8Array): void {
    if (!this.#isFlowing || this.#kept !== null || this.#events === null) return void (this.#kept ??= []).push(bytes);
    const isFree = bytes.length >= FREE_FROM && this.#events.keepsNothing === true;
    // As #tell does it, without a closure a chunk.
    try {
      this.#events.receive(bytes);
    } catch (error) {
      defer(() => rethrow(error));
    }
    if (isFree && bytes.length === bytes.buffer.byteLength) (bytes.buffer as Transferable).transfer(0);
  }

  drained(): void {
    if (this.#state !== State.OPEN) return;
    while (this.#pending !== null) {
      const pending = this.#pending;
      if (!advance(this.#socket!, pending[0])) return;
      const { onWritten } = pending.shift()!;
      if (pending.length === 0) this.#pending = null;
      this.#tell(() => onWritten());
      if (this.#isClosed) return;
    }
    if (this.#output === Half.ENDING) this.#finish();
  }

  ended(): void {
    if (this.#input === Half.OPEN) this.#input = Half.ENDING;
    this.#deliver();
  }

  closed(error: Error | undefined): void {
    if (this.#isClosed) return;
    this.#state = State.CLOSED;
    this.#error ??= error;
    // Once we have sent FIN, Bun reports the peer's by closing alone.
    if (this.#output === Half.ENDED && this.#input === Half.OPEN) this.#input = Half.ENDING;
    if (this.#error !== undefined) this.#stopWriting();
    const setup = this.#setup;
    this.#setup = null;
    setup?.onFailure(this, this.#error ?? new Error('The socket was closed while it was opening'));
    this.#planDelivery();
  }

  #begin(): void {
    if (this.#isClosed) return;
    this.#state = State.OPEN;
    const setup = this.#setup;
    this.#setup = null;
    setup?.onReady(this);
    this.drained();
    if (!this.#isFlowing) this.#pauseSocket();
  }

  #finish(): void {
    this.#output = Half.ENDED;
    this.#socket!.shutdown();
  }

  #pauseSocket(): void {
    // A TLS handshake must be read.
    if (this.#isSocketPaused || this.#state !== State.OPEN) return;
    this.#isSocketPaused = true;
    this.#socket!.pause();
  }

  #cut(): void {
    this.#input = this.#output = Half.CUT;
    this.#kept = this.#pending = null;
  }

  /** A reset: no further bytes follow, and a pause does not keep the read ones back. */
  #stopWriting(): void {
    if (this.#output !== Half.ENDED) this.#output = Half.CUT;
    this.#pending = null;
    this.#isFlowing = true;
  }

  /** Reports waiting events in a microtask, because the caller has not finished its work. */
  #planDelivery(): void {
    if (this.#isDeliveryPlanned || !(this.#kept !== null || this.#input === Half.ENDING || this.#isClosed)) return;
    this.#isDeliveryPlanned = true;
    defer(() => {
      this.#isDeliveryPlanned = false;
      this.#deliver();
    });
  }

  /** Any of these calls may attach another receiver, stop the flow or destroy. */
  #deliver(): void {
    if (this.#events === null) return;
    while (this.#isFlowing && this.#kept !== null) {
      const bytes = this.#kept.shift()!;
      if (this.#kept.length === 0) this.#kept = null;
      this.#tell((events) => events.receive(bytes));
    }
    if (this.#input === Half.ENDING) {
      if (!this.#isFlowing || this.#kept !== null) return;
      this.#input = Half.ENDED;
      this.#tell((events) => events.receiveEnd());
    }
    if (this.#state !== State.CLOSED || this.#kept !== null) return;
    this.#state = State.REPORTED;
    this.#tell((events) => events.closed(this.#error));
  }

  /** Reports an exception of a receiver as uncaught. Bun would take it for a failure of the socket. */
  #tell(task: (events: TransportEvents) => void): void {
    try {
      task(this.#events!);
    } catch (error) {
      defer(() => rethrow(error));
    }
  }
}

/** Writes as much as the socket takes. @returns Whether that was all. */
function advance(socket: BunSocket<BunTransport>, write: PendingWrite): boolean {
  let isDone = write.advance(0);
  while (!isDone) {
    const bytes = write.next();
    const taken = Math.max(socket.write(bytes), 0);
    isDone = write.advance(taken);
    if (taken < bytes.length) return false;
  }
  return true;
}

/** Callbacks of clients' sockets. Those of servers differ in `open`. */
export const handlers: SocketHandlers<BunTransport> = {
  open: (socket) => socket.data.opened(socket),
  handshake: (socket, isSuccess, error) => socket.data.secured(isSuccess ? undefined : (error ?? new Error('TLS failed'))),
  data: (socket, bytes) => socket.data.received(bytes),
  drain: (socket) => socket.data.drained(),
  end: (socket) => socket.data.ended(),
  close: (socket, error) => socket.data.closed(error),
  error(socket, error) {
    // Also called with the exception of a handler: a bug, which the runtime must report.
    if (error.syscall === undefined) defer(() => rethrow(error));
    socket.data.failed(error);
  },
};

function rethrow(error: unknown): void {
  throw error;
}
