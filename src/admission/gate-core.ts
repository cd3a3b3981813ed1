// The gate of a server: decides about each upgrade request before anything costly is done, knows all connections, and closes them in order.

import { CLOSE_GOING_AWAY } from '../base/close-codes.ts';
import { Meter, type Handshake, type RefusalReason } from '../base/meter.ts';
import { readOptions, refuse as refuseOption } from '../base/options.ts';
import { defer, elapsed } from '../clock.ts';
import { refuse, type Refusal } from '../handshake/refusal.ts';
import type { Session, SessionOwner } from '../platform.ts';
import { addressKey, normalizeAddress } from './address.ts';
import { BucketTable, readRate } from './bucket.ts';
import { Budget } from './budget.ts';
import { ClientAddresses } from './forwarded.ts';
import { serverMeter } from './meters.ts';
import { GATE_TAG, type AdmissionOptions } from './options.ts';
import { pace, type PaceSettings } from './pace.ts';
import { Drain, readShutdownOptions, type Drainable, type ShutdownOptions, type ShutdownResult } from './shutdown.ts';
import { countMessages } from './unsent.ts';

/** Seconds after which a client may try again, where nothing says when there is room. */
const RETRY_AFTER = 5;
/** Most seconds that recipients of HTTP have to represent (RFC 9111 section 1.2.2). A number beyond 1e21 would not be written in digits. */
const LONGEST_RETRY_AFTER = 2 ** 31 - 1;

function busy(status: 429 | 503, seconds: number = RETRY_AFTER): Refusal {
  const reason = status === 429 ? 'Too many connections' : 'The server is busy';
  return refuse(status, reason, { 'Retry-After': String(Math.min(seconds, LONGEST_RETRY_AFTER)) });
}

/** The answer to a request that comes during a shutdown. */
export const SHUTTING_DOWN: Refusal = refuse(503, 'The server is shutting down', { 'Retry-After': String(RETRY_AFTER) });
const FULL = busy(503);
const FULL_ADDRESS = busy(429);

/** A request that was let in, and the connection that it becomes. */
export class Pass implements SessionOwner, Drainable {
  /** Where the requests of its client are counted; undefined if they are not. */
  readonly key: string | undefined;
  /** The message of observers about the request, until it is a connection or refused. */
  #handshake: Handshake | undefined;
  readonly #gate: GateCore;
  /** When its opening handshake began, by the clock of `elapsed`; -1 if it is not known. */
  readonly #begin: number;
  /** The connection; before that, the answer to the request where it can be refused. */
  #end: Drainable | undefined;
  #session: Session | undefined;
  /** Whether it was counted as refused. */
  isRefused: boolean = false;

  constructor(gate: GateCore, key: string | undefined, begin: number, handshake: Handshake | undefined) {
    this.#gate = gate;
    this.#handshake = handshake;
    this.key = key;
    this.#begin = begin;
  }

  /** Undefined until the connection is open. */
  get session(): Session | undefined {
    return this.#session;
  }

  takeHandshake(): Handshake | undefined {
    const handshake = this.#handshake;
    this.#handshake = undefined;
    return handshake;
  }

  /** Counts the request as refused, unless it was before. */
  refuse(reason: RefusalReason, error?: Error): void {
    if (!this.isRefused) this.#gate.meter.refused(reason, this.takeHandshake(), error);
    this.isRefused = true;
  }

  /** Refuses a request that has not become a connection, where that is possible. */
  decline(reason: RefusalReason): void {
    if (this.#session !== undefined || this.#end === undefined) return;
    this.refuse(reason);
    this.#end.close(CLOSE_GOING_AWAY, new Uint8Array(0));
  }

  /** Takes the object that refuses the request if the server is closed or shut down. A shutdown that a hook has begun refuses it at once. */
  hold(request: Drainable): void {
    this.#end = request;
    this.#gate.held(this);
  }

  /** The request was refused, or its client has left. Does nothing once there is a connection. */
  leave(): void {
    if (this.#session !== undefined) return;
    this.#endHandshake();
    this.#gate.remove(this);
  }

  /** Tells observers that there is no WebSocket, unless they know how the handshake has ended. */
  #endHandshake(): void {
    const handshake = this.takeHandshake();
    if (handshake === undefined) return;
    handshake.reason = 'left';
    this.#gate.meter.watch.observer?.end(handshake);
  }

  /**
   * The request has become a connection.
   *
   * @param session Not attached yet.
   * @param closer Closes it; left out, the session itself.
   */
  admit(session: Session, closer: Drainable = session): void {
    const { meter } = this.#gate;
    session.owner = this;
    session.meter?.move(session, meter);
    session.meter = meter;
    if (this.#begin >= 0) meter.shaken(elapsed() - this.#begin);
    this.#session = session;
    this.#end = closer;
    this.#gate.opened(this, session);
  }

  close(code: number, reason: Uint8Array): void {
    this.#end?.close(code, reason);
  }

  terminate(): void {
    // Without a request to refuse, the runtime decides when its handshake is over.
    if (this.#end === undefined) this.leave();
    else this.#end.terminate();
  }

  onUnsent(messages: number, frames: readonly Uint8Array[] = []): void {
    this.#gate.countUnsent(messages, frames);
  }

  onEnded(wasClean: boolean): void {
    // A listener of the socket may keep this object alive. It must not keep the connection alive.
    this.#session = this.#end = undefined;
    // The program has given the WebSocket up before it was open.
    this.#endHandshake();
    this.#gate.ended(this, wasClean);
  }
}

export class GateCore {
  /** The object of the program: a server or a Gate. */
  server: object | undefined;
  readonly meter: Meter = new Meter(serverMeter.watch, serverMeter, () => this.#sessions());
  readonly #maxConnections: number;
  readonly #maxPerAddress: number;
  readonly #maxPending: number;
  readonly #handshakes: BucketTable | undefined;
  readonly #addresses: ClientAddresses | undefined;
  readonly #pace: PaceSettings | undefined;
  readonly #budget: Budget | undefined;
  readonly #passes: Set<Pass> = new Set();
  #open = 0;
  /** Passes by address. */
  readonly #perAddress: Map<string, number> = new Map();
  #drain: Drain | undefined;

  /**
   * @throws {RangeError} for a limit of no use.
   * @throws {TypeError} for an option of a wrong type.
   */
  constructor(given: AdmissionOptions | null | undefined) {
    const options = readOptions(given);
    const { ratePolicy = 'pause', trustProxy } = options;
    if (ratePolicy !== 'pause' && ratePolicy !== 'close')
      refuseOption(TypeError, 'ratePolicy', "'pause' or 'close'", ratePolicy);
    this.#maxConnections = options.maxConnections || Infinity;
    this.#maxPerAddress = options.maxConnectionsPerAddress || Infinity;
    this.#maxPending = options.maxHandshakesPending || Infinity;
    const handshakes = readRate('handshakeRate', options.handshakeRate);
    this.#handshakes = handshakes && new BucketTable(handshakes);
    this.#addresses = trustProxy === undefined ? undefined : new ClientAddresses(trustProxy);
    const messages = readRate('messageRate', options.messageRate);
    const bytes = readRate('byteRate', options.byteRate);
    if (messages !== undefined || bytes !== undefined) {
      this.#pace = { messages, bytes, policy: ratePolicy, onExceeded: (rate) => this.meter.tally('limited', rate) };
    }
    if (options.maxTotalBuffered) {
      const onDrop = (): void => this.meter.tally('limited', 'maxTotalBuffered');
      this.#budget = new Budget(options.maxTotalBuffered, () => this.#sessions(), onDrop);
    }
  }

  /** By which `upgrade()` recognizes it without importing it: programs without a gate bundle none. */
  get [Symbol.toStringTag](): typeof GATE_TAG {
    return GATE_TAG;
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#open;
  }

  /** Requests that have neither become a connection nor been refused. */
  get pending(): number {
    return this.#passes.size - this.#open;
  }

  get isShuttingDown(): boolean {
    return this.#drain !== undefined;
  }

  /** Whether a limit needs the addresses of clients. */
  get needsAddress(): boolean {
    return this.#handshakes !== undefined || this.#maxPerAddress !== Infinity || this.#addresses !== undefined;
  }

  /** Whether it stops reading from a peer that sends too fast. */
  get pauses(): boolean {
    return this.#pace?.policy === 'pause';
  }

  /**
   * The address of a client, canonical; undefined for a peer that has none.
   *
   * @param peer The address of the socket's other end.
   * @param header Reads a header field of the request, by its lower-case name.
   */
  addressOf(peer: string | undefined, header: (name: string) => string | null | undefined): string | undefined {
    const address = normalizeAddress(peer);
    return this.#addresses === undefined ? address : this.#addresses.find(address, header(this.#addresses.header) ?? undefined);
  }

  /** Lets the request of a client in, or says why not. @param address See {@link addressOf}. */
  enter(address: string | undefined, handshake?: Handshake): Pass | Refusal {
    const begin = elapsed();
    if (this.#drain !== undefined) return this.#refuse('shutdown', SHUTTING_DOWN, handshake);
    const isCounted = this.#handshakes !== undefined || this.#maxPerAddress !== Infinity;
    const key = isCounted ? addressKey(address) : undefined;
    const wait = this.#handshakes?.tryTake(key!, begin) ?? 0;
    if (wait > 0) return this.#refuse('handshakeRate', busy(429, Math.ceil(wait / 1000)), handshake);
    if ((this.#perAddress.get(key!) ?? 0) >= this.#maxPerAddress)
      return this.#refuse('maxConnectionsPerAddress', FULL_ADDRESS, handshake);
    if (this.#passes.size >= this.#maxConnections) return this.#refuse('maxConnections', FULL, handshake);
    if (this.pending >= this.#maxPending) return this.#refuse('maxHandshakesPending', FULL, handshake);
    return this.pass(key, begin, handshake);
  }

  /** Lets a request in that a program has accepted itself. */
  pass(key?: string, begin: number = -1, handshake?: Handshake): Pass {
    const pass = new Pass(this, key, begin, handshake);
    this.#passes.add(pass);
    if (key !== undefined && this.#maxPerAddress !== Infinity) {
      this.#perAddress.set(key, (this.#perAddress.get(key) ?? 0) + 1);
    }
    return pass;
  }

  /** For passes: a request can be refused from now on. */
  held(pass: Pass): void {
    if (this.#drain === undefined) return;
    pass.refuse('shutdown');
    this.#drain.add(pass);
  }

  /** For passes: a request has become a connection. */
  opened(pass: Pass, session: Session): void {
    this.#open++;
    if (this.#pace !== undefined) pace(session, this.#pace);
    this.#budget?.start();
    const drain = this.#drain;
    // The caller has not opened its WebSocket yet.
    if (drain !== undefined) defer(() => drain.add(pass));
  }

  /** For passes: messages were lost. Nothing counts them when they are sent, so the frames are read again, during a shutdown only. */
  countUnsent(messages: number, frames: readonly Uint8Array[]): void {
    this.#drain?.countUnsent(messages + countMessages(frames));
  }

  /** For passes: a connection has ended. */
  ended(pass: Pass, wasClean: boolean): void {
    this.#open--;
    this.#drain?.count(wasClean);
    this.remove(pass);
  }

  /** For passes: there is neither a request nor a connection any more. */
  remove(pass: Pass): void {
    if (!this.#passes.delete(pass)) return;
    const { key } = pass;
    if (key !== undefined && this.#maxPerAddress !== Infinity) {
      const count = this.#perAddress.get(key)! - 1;
      if (count === 0) this.#perAddress.delete(key);
      else this.#perAddress.set(key, count);
    }
    this.#drain?.check();
  }

  /**
   * Refuses further requests, closes the connections, and waits for their end. A second call joins the first; of its options only `signal`
   * counts.
   *
   * @throws {RangeError | TypeError} for an option of no use.
   */
  shutdown(given: ShutdownOptions | null | undefined): Promise<ShutdownResult> {
    const settings = readShutdownOptions(given);
    if (this.#drain !== undefined) {
      if (settings.signal !== undefined) this.#drain.heed(settings.signal);
      return this.#drain.result;
    }
    const drain = (this.#drain = new Drain(this.#passes, settings));
    const all = [...this.#passes];
    // Requests need no spreading.
    this.refusePending('shutdown');
    drain.start(all.filter(({ session }) => session !== undefined));
    return drain.result;
  }

  /** Refuses the requests that wait for a hook, where that is possible. */
  refusePending(reason: RefusalReason): void {
    for (const pass of this.#passes) pass.decline(reason);
  }

  *#sessions(): Iterable<Session> {
    for (const { session } of this.#passes) if (session !== undefined) yield session;
  }

  #refuse(reason: RefusalReason, refusal: Refusal, handshake: Handshake | undefined): Refusal {
    this.meter.refused(reason, handshake);
    return refusal;
  }
}
