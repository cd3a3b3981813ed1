// Counts of connections: messages, bytes, times, ends. One meter for each server, and one for each role in the process.
//
// The numbers lie in one typed array, so counting a message is adding to numbers, without allocation. metrics.ts makes readable figures of it.

/** Numbers of buckets in a histogram. The last bucket has no bound. */
export const BUCKETS = 17;

// Places of the numbers. Those before `TOTALED` grow with each message: the process gets their growth when a connection ends, or when it asks.
export const BYTES_IN = 0;
export const BYTES_OUT = 1;
/** Messages that arrived compressed, their bytes on the way, and their bytes as the program got them. */
export const COMPRESSED_IN = 2;
/** The same three for messages that were sent compressed. */
export const COMPRESSED_OUT = 5;
/** Milliseconds. */
export const DELIVERY_SUM = 8;
/** First bucket of three histograms. */
export const PAYLOAD_IN = 9;
export const PAYLOAD_OUT = 26;
export const DELIVERY_TIME = 43;
const TOTALED = 60;
export const OPENED = 60;
export const CONNECTIONS_ENDED = 61;
/** Milliseconds. */
export const HANDSHAKE_SUM = 62;
export const HANDSHAKE_TIME = 63;
const LENGTH = 80;

/** Counts by a name or a number. */
type Tally = Map<unknown, number>;

export interface Tallies {
  /** Ends of connections, by close code. */
  readonly closeCodes: Tally;
  /** Errors of connections, by their `code`. */
  readonly errors: Tally;
  /** Openings of clients that failed, by the `code` of the error or the status of the response. */
  readonly failed: Tally;
  /** Effects of limits on open connections, by the name of the option. */
  readonly limited: Tally;
  /** Requests that got no connection, by reason. */
  readonly refused: Tally;
}

/** Why a request got no connection: a limit of the server by the name of its option, or the check that it failed. */
export type RefusalReason =
  | 'shutdown'
  | 'handshakeRate'
  | 'maxConnectionsPerAddress'
  | 'maxConnections'
  | 'maxHandshakesPending'
  /** It is no valid opening handshake. */
  | 'request'
  | 'path'
  | 'origin'
  | 'verifyClient'
  /** A hook has thrown, or rejected. */
  | 'hook'
  /** The server was closed before. */
  | 'closed';

/** A session, as far as a meter reads it. */
export interface Measured {
  readonly bufferedAmount: number;
  readonly bufferedInput: number;
  /** The WebSocket of the program; until the end. */
  websocket?: object | undefined;
}

/** An opening handshake, as observers are told of it. */
export interface Handshake {
  /** The server or the gate; of a server only. */
  readonly server?: object | undefined;
  /** The request; of a server only. */
  readonly request?: object | undefined;
  /** The stream below it, if there is one. */
  readonly socket?: object | null | undefined;
  /** The address; of a client only. */
  readonly url?: string;
  /** The response, as its backend has it; of a client only, once it has come. */
  response?: unknown;
  /** Of a server: once there is one. */
  websocket?: object | undefined;
  /** Why a server has refused it. */
  reason?: string;
  error?: Error;
}

/** Is told of events, all of one role. Must not throw. */
export interface Observer {
  /** A handshake begins. @param run Its first part, which is called within. */
  begin(handshake: Handshake, run: () => void): void;
  /** It has succeeded. */
  open(session: Measured, handshake: Handshake | undefined): void;
  /** It has failed: see its `reason` or `error`. */
  end(handshake: Handshake): void;
  message(session: Measured, source: Uint8Array, start: number, end: number, kind: number): void;
  error(session: Measured, error: Error): void;
  close(session: Measured, code: number, reason: Uint8Array, wasClean: boolean): void;
}

/** A channel of node:diagnostics_channel, as far as it is looked at for each message. */
export interface Topic {
  readonly hasSubscribers: boolean;
}

const SILENT: Topic = { hasSubscribers: false };

/** Settings that all meters of a role share. */
export class Watch {
  observer: Observer | null = null;
  /** Tells whether somebody wants each message. */
  messages: Topic = SILENT;
  /** A clock of milliseconds. Null until metrics are asked for: reading it twice for each delivery takes time. */
  clock: (() => number) | null = null;
}

/** Payload lengths: bucket `n` ends at 4 to the power of `n`. */
function bucketOfLength(length: number): number {
  return (33 - Math.clz32(length && length - 1)) >> 1;
}

/** Times: bucket `n` ends at 1/16 of a millisecond times 2 to the power of `n`. */
function bucketOfTime(milliseconds: number): number {
  const sixteenths = Math.min(0xffff, Math.ceil(milliseconds * 16));
  return 32 - Math.clz32(sixteenths && sixteenths - 1);
}

/** Meters with open connections, whose numbers have not all been passed on. */
const live: Set<Meter> = new Set();

export class Meter {
  readonly counts: Float64Array = new Float64Array(LENGTH);
  readonly tallies: Tallies = {
    closeCodes: new Map(),
    errors: new Map(),
    failed: new Map(),
    limited: new Map(),
    refused: new Map(),
  };
  readonly watch: Watch;
  /** The meter of the process; null for that one. */
  readonly #total: Meter | null;
  /** The part of `counts` that the meter of the process has got. */
  readonly #passedOn: Float64Array = new Float64Array(TOTALED);
  /** The open sessions that nothing else lists. */
  readonly #own: Set<Measured> | null;
  readonly sessions: () => Iterable<Measured>;

  /** @param sessions Lists the open sessions. Left out: this meter remembers them. */
  constructor(watch: Watch, total: Meter | null = null, sessions?: () => Iterable<Measured>) {
    const own = sessions === undefined ? new Set<Measured>() : null;
    this.watch = watch;
    this.#total = total;
    this.#own = own;
    this.sessions = sessions ?? (() => own!);
  }

  /** A message is delivered: as in SessionSink. */
  received(session: Measured, source: Uint8Array, start: number, end: number, kind: number): void {
    const { watch } = this;
    this.countReceived(end - start);
    if (watch.messages.hasSubscribers) watch.observer?.message(session, source, start, end, kind);
  }

  /** A message of `length` bytes was delivered, of which observers are not told. */
  countReceived(length: number): void {
    const { counts } = this;
    counts[BYTES_IN] += length;
    counts[PAYLOAD_IN + bucketOfLength(length)]++;
  }

  /** A message of `length` bytes is sent: its last frame is queued. */
  sent(length: number): void {
    const { counts } = this;
    counts[BYTES_OUT] += length;
    counts[PAYLOAD_OUT + bucketOfLength(length)]++;
  }

  /**
   * A part of compressed messages has passed.
   *
   * @param direction COMPRESSED_IN or COMPRESSED_OUT.
   * @param messages How many have ended.
   * @param wire Compressed bytes.
   * @param plain Bytes as the program has them.
   */
  compressed(direction: number, messages: number, wire: number, plain: number): void {
    this.counts[direction] += messages;
    this.counts[direction + 1] += wire;
    this.counts[direction + 2] += plain;
  }

  /** A delivery to listeners begins. @returns The time, for {@link delivered}; undefined if no times are measured. */
  begin(): number | undefined {
    return this.watch.clock?.();
  }

  delivered(begin: number | undefined): void {
    if (begin !== undefined) this.#time(DELIVERY_SUM, DELIVERY_TIME, this.watch.clock!() - begin);
  }

  /** An opening handshake has succeeded after `milliseconds`. */
  shaken(milliseconds: number): void {
    this.#time(HANDSHAKE_SUM, HANDSHAKE_TIME, milliseconds);
    this.#total?.shaken(milliseconds);
  }

  #time(sum: number, buckets: number, milliseconds: number): void {
    // A fake clock may be set back.
    const time = Math.max(0, milliseconds);
    this.counts[sum] += time;
    this.counts[buckets + bucketOfTime(time)]++;
  }

  /** Counts `key`. For an error that is its `code`, its `status`, or 'other'. */
  tally(kind: keyof Tallies, key: string | number | Error): void {
    const tally = this.tallies[kind];
    const { code, status } = key as { readonly code?: unknown; readonly status?: unknown };
    const name = typeof key === 'object' ? (code ?? status ?? 'other') : key;
    tally.set(name, (tally.get(name) ?? 0) + 1);
    this.#total?.tally(kind, key);
  }

  /** A connection is open. @param handshake The record of its handshake that observers got. */
  opened(session: Measured, handshake?: Handshake): void {
    this.watch.observer?.open(session, handshake);
    this.#open(session);
  }

  #open(session: Measured): void {
    this.#count(OPENED, 1);
    this.#own?.add(session);
    if (this.#total !== null) live.add(this);
  }

  /** A request gets no connection. @param error Of a hook. */
  refused(reason: RefusalReason, handshake: Handshake | undefined, error?: Error): void {
    this.tally('refused', reason);
    if (handshake === undefined) return;
    handshake.reason = reason;
    if (error !== undefined) handshake.error = error;
    this.watch.observer?.end(handshake);
  }

  /** A connection has reported `error`. */
  failed(session: Measured, error: Error): void {
    this.tally('errors', error);
    this.watch.observer?.error(session, error);
  }

  /** A connection is over: as in SessionSink. @param error Its socket's, if it has failed. */
  ended(session: Measured, closeCode: number, reason: Uint8Array, wasClean: boolean, error?: Error): void {
    if (error !== undefined) this.failed(session, error);
    this.watch.observer?.close(session, closeCode, reason, wasClean);
    session.websocket = undefined;
    this.#count(CONNECTIONS_ENDED, 1);
    this.tally('closeCodes', closeCode);
    this.#leave(session);
  }

  /** A connection belongs to `other` from now on. One that is open already counts there. */
  move(session: Measured, other: Meter): void {
    if (this.#own?.delete(session) !== true) return;
    this.#count(OPENED, -1);
    other.#open(session);
  }

  /** Passes the numbers of all meters with open connections on to those of the process. */
  static passOn(): void {
    for (const meter of live) meter.#passOn();
  }

  /** The meters with open connections that pass their numbers on to `this`. */
  *parts(): Iterable<Meter> {
    for (const meter of live) if (meter.#total === this) yield meter;
  }

  #leave(session: Measured): void {
    this.#own?.delete(session);
    if (this.#total === null || this.counts[OPENED] > this.counts[CONNECTIONS_ENDED]) return;
    live.delete(this);
    this.#passOn();
  }

  #count(at: number, by: number): void {
    this.counts[at] += by;
    if (this.#total !== null) this.#total.counts[at] += by;
  }

  #passOn(): void {
    const target = this.#total!.counts;
    for (let at = 0; at < TOTALED; at++) {
      target[at] += this.counts[at] - this.#passedOn[at];
      this.#passedOn[at] = this.counts[at];
    }
  }
}
