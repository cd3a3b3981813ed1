// A byte stream in memory: two ends joined by a link, which delays, keeps or cuts the bytes. Bytes never overtake each other.

import { checkLimit, checkTime } from '../base/options.ts';
import { microtask } from '../clock.ts';
import type { ByteStream, EndpointAddress } from '../http1/network.ts';
import type { Timer, TransportEvents } from '../platform.ts';
import { platform } from './platform.ts';

/** A side of a link, by the bytes that travel to it. */
export type Side = 'client' | 'server';

/** Bytes that a link carries to one end before a writer has to wait, as the buffers of an operating system do. */
const DEFAULT_CAPACITY = 65_536;

/** Faults of the network between a client and a server. */
export interface Link {
  /** Whether the client asked for TLS, by `wss:`. The bytes pass unencrypted. */
  readonly isSecure: boolean;
  /**
   * Milliseconds that everything takes from one end to the other, by the clock that the program sees, which may be a fake one. Holds for bytes that
   * are sent from now on. Default 0: it takes microtasks. Setting a value that is no time throws a RangeError.
   */
  delay: number;
  /**
   * Bytes that one direction carries before a writer has to wait: `bufferedAmount` grows from there on. Default 64 KiB. Setting a value that is no
   * limit throws a RangeError.
   */
  capacity: number;
  /** Ends both directions at once, and loses the bytes on their way. Both ends see 1006. */
  cut(): void;
  /**
   * Keeps all that is on its way, and the news of an end too. Without `side` it makes a half-open connection: nothing arrives, and nothing
   * closes. With a `side`, only that side gets nothing, as if it did not read.
   */
  hold(side?: Side): void;
  /** Lets everything go on, in its order. */
  release(side?: Side): void;
}

/** Something on its way to an end: bytes, or FIN without any. */
interface Item {
  readonly bytes: Uint8Array | null;
  isReady: boolean;
}

/** A write that waits until the link has room. */
type Waiting = () => void;

const NOWHERE: EndpointAddress = { address: '127.0.0.1', port: undefined };

/** `closed`: the receiver knows that the connection is closed. */
type State = 'open' | 'closing' | 'closed';

/** One direction of an end. In: `closed` once the receiver knows of FIN. Out: `closed` once FIN was sent. */
type Half = 'open' | 'closed';

/** One end. */
class MemoryStream implements ByteStream {
  readonly isSecure: boolean;
  readonly remote: EndpointAddress = NOWHERE;
  readonly local: EndpointAddress = NOWHERE;
  peer!: MemoryStream;
  isHeld: boolean = false;
  readonly #link: Link;
  #events: TransportEvents | null = null;
  /** Items on their way to this end. */
  #items: Item[] = [];
  /** Bytes of them. */
  #onWay = 0;
  /** Writes of the peer. */
  #waiting: Waiting[] = [];
  readonly #timers: Set<Timer> = new Set();
  #isReading = false;
  #isPlanned = false;
  #state: State = 'open';
  #error: Error | undefined;
  #input: Half = 'open';
  #output: Half = 'open';

  constructor(link: Link, isSecure: boolean) {
    this.#link = link;
    this.isSecure = isSecure;
  }

  attach(events: TransportEvents): void {
    this.#events = events;
    if (this.#state !== 'open') this.#reportClosed();
    else this.#plan();
  }

  start(): void {
    this.#isReading = true;
    this.#plan();
  }

  pause(): void {
    this.#isReading = false;
  }

  resume(): void {
    this.start();
  }

  ref(): void {}

  write(chunks: readonly Uint8Array[], onWritten: () => void): boolean {
    if (this.#output === 'closed') return false;
    return this.peer.#arrive(concat(chunks), onWritten);
  }

  end(): void {
    if (this.#output === 'closed') return;
    this.#output = 'closed';
    this.peer.#arrive(null);
    if (this.#input === 'closed') this.close();
  }

  destroy(): void {
    if (this.#output === 'open') this.peer.#arrive(null);
    this.close();
  }

  /** The connection is gone for this end. Bytes that it has sent before still arrive at the peer. */
  close(error?: Error): void {
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    this.#error = error;
    this.#output = 'closed';
    for (const timer of this.#timers) platform.clearTimer(timer);
    this.#timers.clear();
    this.#items = [];
    this.#onWay = 0;
    const waiting = this.#waiting;
    this.#waiting = [];
    // The operating system takes bytes for an end that is gone.
    for (const onWritten of waiting) microtask(onWritten);
    microtask(() => this.#reportClosed());
  }

  release(): void {
    this.isHeld = false;
    this.#plan();
  }

  #reportClosed(): void {
    if (this.#state !== 'closing' || this.#events === null) return;
    this.#state = 'closed';
    this.#events.closed(this.#error);
  }

  /** Takes bytes of the peer. @returns Whether there was room for them; `onRoom` is called if there was not. */
  #arrive(bytes: Uint8Array | null, onRoom?: Waiting): boolean {
    if (this.#state !== 'open') return true;
    const { delay } = this.#link;
    const item = { bytes, isReady: delay <= 0 };
    this.#items.push(item);
    this.#onWay += bytes?.length ?? 0;
    if (delay > 0) this.#delay(item, delay);
    this.#plan();
    if (this.#onWay <= this.#link.capacity || onRoom === undefined) return true;
    this.#waiting.push(onRoom);
    return false;
  }

  #delay(item: Item, milliseconds: number): void {
    const timer = platform.setTimer(() => {
      this.#timers.delete(timer);
      item.isReady = true;
      this.#plan();
    }, milliseconds);
    this.#timers.add(timer);
  }

  /** Delivers the next item in a microtask of its own: never within a write, because the connections of a thread share a codec. */
  #plan(): void {
    if (this.#isPlanned || !this.#mayDeliver()) return;
    this.#isPlanned = true;
    microtask(() => {
      this.#isPlanned = false;
      if (this.#mayDeliver()) this.#deliver(this.#items.shift()!);
      this.#plan();
    });
  }

  #mayDeliver(): boolean {
    if (this.#state !== 'open' || this.isHeld || !this.#isReading || this.#events === null) return false;
    return this.#items.length > 0 && this.#items[0].isReady;
  }

  #deliver({ bytes }: Item): void {
    if (bytes !== null) {
      this.#onWay -= bytes.length;
      this.#events!.receive(bytes);
      if (this.#onWay <= this.#link.capacity) for (const onWritten of this.#waiting.splice(0)) onWritten();
      return;
    }
    this.#input = 'closed';
    this.#events!.receiveEnd();
    if (this.#output === 'closed') this.close();
  }
}

function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** The two ends of a connection, and the link between them. */
export interface Joined {
  readonly client: ByteStream;
  readonly server: ByteStream;
  readonly link: Link;
}

/** Joins two ends. */
export function join(isSecure: boolean): Joined {
  let delay = 0;
  let capacity = DEFAULT_CAPACITY;
  const link: Link = {
    isSecure,
    get delay() {
      return delay;
    },
    set delay(milliseconds) {
      checkTime('delay', milliseconds);
      delay = milliseconds;
    },
    get capacity() {
      return capacity;
    },
    set capacity(bytes) {
      checkLimit('capacity', bytes);
      capacity = bytes;
    },
    cut() {
      for (const end of [client, server]) end.close(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
    },
    hold(side) {
      if (side !== 'server') client.isHeld = true;
      if (side !== 'client') server.isHeld = true;
    },
    release(side) {
      if (side !== 'server') client.release();
      if (side !== 'client') server.release();
    },
  };
  const client = new MemoryStream(link, isSecure);
  const server = new MemoryStream(link, isSecure);
  client.peer = server;
  server.peer = client;
  return { client, server, link };
}
