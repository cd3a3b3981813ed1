// A connection of Deno as a byte stream. Its promises are the backpressure: one read and one write are under way at a time.

import { guard } from '../../src/base/guard.ts';
import type { TransportEvents } from '../../src/platform.ts';
import type { EndpointAddress, ByteStream } from '../../src/http1/network.ts';
import type { DenoAddress, DenoConnection } from './deno.ts';
import { systemError } from './errors.ts';
import { PendingWrite, type GatherPool } from '../../src/http1/pending-write.ts';
import { platform } from './platform.ts';
import { ReadRegion } from './regions.ts';
import { defer, microtask } from '../../src/clock.ts';

/** Deno tells of a write that the system takes at once after 2 microtasks (Deno 2.9, TCP and TLS). One that takes longer has waited. */
const MICROTASKS_AT_ONCE = 4;

/** A payload from this size on is written without a copy. A header and 64 KiB copied together cost 7 % less than two writes (Deno 2.9, echo). */
const GATHER_BYTES = 131072;
/**
 * A write of at most so many bytes gets memory of its length. With 128 KiB of zeros for each write, new memory took 44 % of
 * the time of sending 16 short messages to each of 500 connections.
 */
const SMALL_BYTES = 4096;
/** Number of buffers that are kept for writes at the same time. Others are freed after their write. */
const MOST_FREE = 16;
const free: Uint8Array[] = [];

const POOL: GatherPool = {
  size: GATHER_BYTES,
  take(countRest) {
    const rest = countRest(SMALL_BYTES);
    return rest <= SMALL_BYTES ? new Uint8Array(rest) : (free.pop() ?? new Uint8Array(GATHER_BYTES));
  },
  give(memory) {
    if (memory.length === GATHER_BYTES && free.length < MOST_FREE) free.push(memory);
  },
};

/** The connection. */
const State = {
  OPEN: 0,
  CLOSED: 1,
  /** Its receiver knows that it is closed. */
  REPORTED: 2,
} as const;
type State = (typeof State)[keyof typeof State];

/** One direction of the connection. */
const Half = {
  OPEN: 0,
  /** In: FIN came, and the receiver does not know. Out: FIN follows the writes that are not done. */
  ENDING: 1,
  /** Out: FIN is on its way. */
  CLOSING: 2,
  /** In: the receiver knows. Out: FIN was sent. */
  ENDED: 3,
} as const;
type Half = (typeof Half)[keyof typeof Half];

export class DenoTransport implements ByteStream {
  readonly isSecure: boolean;
  readonly #connection: DenoConnection;
  #events: TransportEvents | null = null;
  readonly #region = new ReadRegion();
  #state: State = State.OPEN;
  #error: Error | undefined;
  #input: Half = Half.OPEN;
  #isFlowing = false;
  /** The user of the region: a read under way, the receiver of a read, or none. */
  #regionUse: 'read' | 'delivery' | null = null;
  /** Bytes in the region that came while the flow was stopped. */
  #keptLength = 0;
  #output: Half = Half.OPEN;
  readonly #pending: PendingWrite[] = [];
  #isWriting = false;
  /** Microtasks since the write under way began; -1 when they are not counted. */
  #microtasks = -1;
  /** Whether one of the writes that are not done was not taken at once. */
  #hasWaited = false;

  constructor(connection: DenoConnection, isSecure: boolean) {
    this.isSecure = isSecure;
    this.#connection = connection;
    try {
      // Frames are gathered by us, not by Nagle.
      connection.setNoDelay?.(true);
    } catch {
      // The peer has reset it already, which the first read tells.
    }
  }

  get remote(): EndpointAddress {
    return endpoint(this.#connection.remoteAddr);
  }

  get local(): EndpointAddress {
    return endpoint(this.#connection.localAddr);
  }

  attach(events: TransportEvents): void {
    this.#events = events;
    if (this.#isClosed) defer(() => this.#reportClosed());
  }

  start(): void {
    this.resume();
  }

  pause(): void {
    this.#isFlowing = false;
  }

  resume(): void {
    if (this.#isFlowing) return;
    this.#isFlowing = true;
    // Not within this call: the caller is in the middle of something.
    if (this.#keptLength > 0 || this.#input === Half.ENDING) defer(() => this.#deliver());
    else this.#read();
  }

  write(chunks: readonly Uint8Array[], onWritten: (isAtOnce?: boolean) => void): boolean {
    if (this.#isClosed || this.#output !== Half.OPEN) return false;
    const write = new PendingWrite(chunks, onWritten, POOL);
    // Chunks of no bytes: nothing to wait for.
    if (write.advance(0)) return true;
    this.#pending.push(write);
    if (!this.#isWriting) this.#writeNext();
    return false;
  }

  end(): void {
    if (this.#isClosed || this.#output !== Half.OPEN) return;
    this.#output = Half.ENDING;
    if (this.#pending.length === 0) this.#finish();
  }

  destroy(): void {
    this.#close();
  }

  ref(isKept: boolean): void {
    if (this.#isClosed) return;
    if (isKept) this.#connection.ref();
    else this.#connection.unref();
  }

  setNoDelay(isOn: boolean): void {
    if (!this.#isClosed) this.#connection.setNoDelay?.(isOn);
  }

  setKeepAlive(isOn: boolean): void {
    if (!this.#isClosed) this.#connection.setKeepAlive?.(isOn);
  }

  get #isClosed(): boolean {
    return this.#state !== State.OPEN;
  }

  // Reading.

  #read(): void {
    if (this.#regionUse !== null || this.#input !== Half.OPEN || this.#isClosed) return;
    this.#regionUse = 'read';
    this.#connection.read(this.#region.bytes).then(this.#onRead, this.#onReadError);
  }

  readonly #onRead = (length: number | null): void => {
    this.#regionUse = null;
    if (this.#isClosed) return this.#region.close();
    if (length === null) this.#input = Half.ENDING;
    else this.#keptLength = length;
    this.#deliver();
  };

  readonly #onReadError = (thrown: unknown): void => {
    this.#regionUse = null;
    if (this.#isClosed) return this.#region.close();
    // TLS without a close_notify. Whether something is missing is for the frames to tell.
    if ((thrown as Error).name === 'UnexpectedEof') {
      this.#input = Half.ENDING;
      return this.#deliver();
    }
    this.#close(systemError(thrown, { call: 'read' }));
  };

  #deliver(): void {
    if (!this.#isFlowing || this.#events === null || this.#regionUse === 'delivery' || this.#isClosed) return;
    const length = this.#keptLength;
    const events = this.#events;
    if (length > 0) this.#deliverBytes(events, length);
    else this.#read();
    if (this.#input !== Half.ENDING || this.#isClosed || !this.#isFlowing) return;
    this.#input = Half.ENDED;
    this.#region.close();
    guard(platform, () => events.receiveEnd());
    if (this.#output === Half.ENDED) this.#close();
  }

  #deliverBytes(events: TransportEvents, length: number): void {
    const region = this.#region;
    const { bytes } = region;
    this.#keptLength = 0;
    this.#regionUse = 'delivery';
    // A promise would turn an exception of the program into a rejection.
    guard(platform, () => events.receive(length === bytes.length ? bytes : bytes.subarray(0, length)));
    this.#regionUse = null;
    if (this.#isClosed) region.close();
    else region.advance(length);
    if (this.#isFlowing) this.#read();
  }

  // Writing.

  #writeNext(): void {
    this.#isWriting = true;
    this.#connection.write(this.#pending[0].next()).then(this.#onWrote, this.#onWriteError);
    const isCounting = this.#microtasks >= 0;
    if (this.#hasWaited) return;
    this.#microtasks = 0;
    if (!isCounting) microtask(this.#count);
  }

  readonly #count = (): void => {
    if (this.#isWriting && ++this.#microtasks <= MICROTASKS_AT_ONCE) return microtask(this.#count);
    this.#microtasks = -1;
    if (this.#isWriting) this.#hasWaited = true;
  };

  readonly #onWrote = (count: number): void => {
    this.#isWriting = false;
    const pending = this.#pending;
    if (this.#isClosed) return this.#dropWrites();
    if (pending[0].advance(count)) guard(platform, () => this.#reportWritten());
    // Callbacks may have written, ended or destroyed.
    if (this.#isClosed || this.#isWriting) return;
    if (pending.length > 0) this.#writeNext();
    else if (this.#output === Half.ENDING) this.#finish();
  };

  #reportWritten(): void {
    const isAtOnce = !this.#hasWaited;
    const { onWritten } = this.#pending.shift()!;
    if (this.#pending.length === 0) this.#hasWaited = false;
    onWritten(isAtOnce);
  }

  readonly #onWriteError = (thrown: unknown): void => {
    this.#isWriting = false;
    this.#dropWrites();
    this.#close(systemError(thrown, { call: 'write' }));
  };

  #dropWrites(): void {
    for (const write of this.#pending.splice(0)) write.close();
  }

  /** Sends FIN. */
  #finish(): void {
    this.#output = Half.CLOSING;
    const settle = (): void => {
      this.#output = Half.ENDED;
      if (this.#input === Half.ENDED) this.#close();
    };
    // It fails when the peer has reset the connection, which the read reports.
    this.#connection.closeWrite().then(settle, settle);
  }

  // The end.

  #close(error?: Error): void {
    if (this.#isClosed) return;
    this.#state = State.CLOSED;
    this.#error = error;
    // Where a TLS handshake is not over, Deno 2.9 keeps the TCP connection below it until the peer goes, and nothing cuts it.
    try {
      this.#connection.close();
    } catch {
      // The runtime closed it already.
    }
    this.#keptLength = 0;
    // A read or a write that is under way may use its memory until its promise settles.
    if (this.#regionUse === null) this.#region.close();
    if (!this.#isWriting) this.#dropWrites();
    defer(() => this.#reportClosed());
  }

  #reportClosed(): void {
    if (this.#state !== State.CLOSED || this.#events === null) return;
    this.#state = State.REPORTED;
    this.#events.closed(this.#error);
  }
}

function endpoint(address: DenoAddress): EndpointAddress {
  if (address.transport === 'unix') return { address: address.path ?? undefined, port: undefined };
  return { address: address.hostname, port: address.port };
}
