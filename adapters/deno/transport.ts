// A connection of Deno as a byte stream. Its promises are the backpressure: one read and one write are under way at a time.

import { guard } from '../../src/base/guard.ts';
import type { TransportEvents } from '../../src/platform.ts';
import type { EndpointAddress, ByteStream } from '../../src/http1/network.ts';
import type { DenoAddress, DenoConnection } from './deno.ts';
import { systemError } from './errors.ts';
import { PendingWrite } from './gather.ts';
import { platform } from './platform.ts';
import { ReadRegion } from './regions.ts';
import { defer, microtask } from '../../src/clock.ts';

/** Deno tells of a write that the system takes at once after 2 microtasks (Deno 2.9, TCP and TLS). One that takes longer has waited. */
const MICROTASKS_AT_ONCE = 4;

export class DenoTransport implements ByteStream {
  readonly isSecure: boolean;
  readonly #connection: DenoConnection;
  #events: TransportEvents | null = null;
  readonly #region = new ReadRegion();
  #isReading = false;
  #isDelivering = false;
  #isFlowing = false;
  /** Bytes in the region that nobody wanted when they came. */
  #keptLength = 0;
  #hasPeerEnded = false;
  #isPeerEndTold = false;
  readonly #pending: PendingWrite[] = [];
  #isWriting = false;
  /** Microtasks since the write under way began, while they are counted. */
  #microtasks = 0;
  #isCounting = false;
  /** Whether one of the writes that are not done was not taken at once. */
  #isHeld = false;
  #isEnding = false;
  /** Whether FIN is on its way. */
  #isFinishing = false;
  #isFinished = false;
  #isClosed = false;
  #isCloseTold = false;
  #error: Error | undefined;

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
    if (this.#isClosed) defer(() => this.#tellClosed());
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
    // What was kept comes when whoever is on the stack is done.
    if (this.#keptLength > 0 || this.#hasPeerEnded) defer(() => this.#deliver());
    else this.#read();
  }

  write(chunks: readonly Uint8Array[], onWritten: (isAtOnce?: boolean) => void): boolean {
    if (this.#isClosed || this.#isEnding) return false;
    const write = new PendingWrite(chunks, onWritten);
    // Chunks of no bytes: nothing to wait for.
    if (write.advance(0)) return true;
    this.#pending.push(write);
    if (!this.#isWriting) this.#writeNext();
    return false;
  }

  end(): void {
    if (this.#isEnding || this.#isClosed) return;
    this.#isEnding = true;
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

  // Reading.

  #read(): void {
    if (this.#isReading || this.#isDelivering || this.#hasPeerEnded || this.#isClosed) return;
    this.#isReading = true;
    this.#connection.read(this.#region.bytes).then(this.#onRead, this.#onReadError);
  }

  readonly #onRead = (length: number | null): void => {
    this.#isReading = false;
    if (this.#isClosed) return this.#region.close();
    if (length === null) this.#hasPeerEnded = true;
    else this.#keptLength = length;
    this.#deliver();
  };

  readonly #onReadError = (thrown: unknown): void => {
    this.#isReading = false;
    if (this.#isClosed) return this.#region.close();
    // TLS without a close_notify. Whether something is missing is for the frames to tell.
    if ((thrown as Error).name === 'UnexpectedEof') {
      this.#hasPeerEnded = true;
      return this.#deliver();
    }
    this.#close(systemError(thrown, { call: 'read' }));
  };

  #deliver(): void {
    if (!this.#isFlowing || this.#events === null || this.#isDelivering || this.#isClosed) return;
    const length = this.#keptLength;
    const events = this.#events;
    if (length > 0) this.#deliverBytes(events, length);
    else if (!this.#hasPeerEnded) this.#read();
    if (!this.#hasPeerEnded || this.#isPeerEndTold || this.#isClosed || !this.#isFlowing) return;
    this.#isPeerEndTold = true;
    this.#region.close();
    guard(platform, () => events.receiveEnd());
    if (this.#isFinished) this.#close();
  }

  #deliverBytes(events: TransportEvents, length: number): void {
    const region = this.#region;
    const { bytes } = region;
    this.#keptLength = 0;
    this.#isDelivering = true;
    // A promise would make a rejection of what a program throws.
    guard(platform, () => events.receive(length === bytes.length ? bytes : bytes.subarray(0, length)));
    this.#isDelivering = false;
    if (this.#isClosed) region.close();
    else region.advance(length);
    if (this.#isFlowing) this.#read();
  }

  // Writing.

  #writeNext(): void {
    this.#isWriting = true;
    this.#connection.write(this.#pending[0].next()).then(this.#onWrote, this.#onWriteError);
    this.#microtasks = 0;
    if (this.#isCounting || this.#isHeld) return;
    this.#isCounting = true;
    microtask(this.#count);
  }

  readonly #count = (): void => {
    const isLate = ++this.#microtasks > MICROTASKS_AT_ONCE;
    this.#isCounting = this.#isWriting && !isLate;
    if (this.#isCounting) microtask(this.#count);
    else if (this.#isWriting) this.#isHeld = true;
  };

  readonly #onWrote = (count: number): void => {
    this.#isWriting = false;
    const pending = this.#pending;
    if (this.#isClosed) return this.#dropWrites();
    if (pending[0].advance(count)) guard(platform, () => this.#tellWritten());
    // Callbacks may have written, ended or destroyed.
    if (this.#isClosed || this.#isWriting) return;
    if (pending.length > 0) this.#writeNext();
    else if (this.#isEnding) this.#finish();
  };

  #tellWritten(): void {
    const isAtOnce = !this.#isHeld;
    const { onWritten } = this.#pending.shift()!;
    if (this.#pending.length === 0) this.#isHeld = false;
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
    if (this.#isFinishing) return;
    this.#isFinishing = true;
    const settle = (): void => {
      this.#isFinished = true;
      if (this.#isPeerEndTold) this.#close();
    };
    // It fails when the peer has reset the connection, which the read tells.
    this.#connection.closeWrite().then(settle, settle);
  }

  // The end.

  #close(error?: Error): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#error = error;
    // Where a TLS handshake is not over, Deno 2.9 keeps the TCP connection below it until the peer goes, and nothing cuts it.
    try {
      this.#connection.close();
    } catch {
      // The runtime closed it already.
    }
    this.#keptLength = 0;
    // A read or a write that is under way may use its memory until its promise settles.
    if (!this.#isReading && !this.#isDelivering) this.#region.close();
    if (!this.#isWriting) this.#dropWrites();
    defer(() => this.#tellClosed());
  }

  #tellClosed(): void {
    if (this.#isCloseTold || this.#events === null) return;
    this.#isCloseTold = true;
    this.#events.closed(this.#error);
  }
}

function endpoint(address: DenoAddress): EndpointAddress {
  if (address.transport === 'unix') return { address: address.path ?? undefined, port: undefined };
  return { address: address.hostname, port: address.port };
}
