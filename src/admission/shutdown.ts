// Graceful shutdown: closes the connections of a server, spread over time, and waits for their end.

import { isValidCloseCode, CLOSE_GOING_AWAY } from '../base/close-codes.ts';
import { MAXIMUM_CONTROL_PAYLOAD } from '../base/opcodes.ts';
import { checkTime, DEFAULT_SHUTDOWN_TIMEOUT, objectOptions, refuse } from '../base/options.ts';
import { clearTimer, elapsed, holdProcess, setTimer, type Timer } from '../clock.ts';

/** How to shut a server down. */
export interface ShutdownOptions {
  /** Milliseconds until the connections that are left are dropped; 0 for no limit. Default 30,000. */
  readonly timeout?: number | undefined;
  /** Close code. Default 1001, "going away". */
  readonly code?: number | undefined;
  /** Close reason, at most 123 bytes as UTF-8. Default: empty. */
  readonly reason?: string | undefined;
  /**
   * Milliseconds over which the connections are closed, evenly, so that their clients do not all come back at once; at most `timeout`.
   * Default 0: all at once.
   */
  readonly spread?: number | undefined;
  /** Drops all connections that are left when it is aborted. The promise is resolved all the same. */
  readonly signal?: AbortSignal | undefined;
}

/** The outcome of a shutdown. Each connection that was open counts once. */
export interface ShutdownResult {
  /** Connections that ended with a closing handshake. */
  readonly closed: number;
  /** Connections that ended without one: dropped at the timeout or by the signal, or lost. */
  readonly terminated: number;
  /** Messages that the operating system had not taken when their connections ended. */
  readonly unsentMessages: number;
}

/** {@link ShutdownOptions} with their defaults. */
export interface ShutdownSettings {
  readonly timeout: number;
  readonly code: number;
  readonly reason: Uint8Array;
  readonly spread: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * Reads and checks the options of a shutdown.
 *
 * @throws {RangeError} for a time or a reason of no use.
 * @throws {TypeError} for a code that must not be sent, a value of a wrong type, or options that are no object.
 */
export function readShutdownOptions(given: ShutdownOptions | null | undefined): ShutdownSettings {
  const { timeout = DEFAULT_SHUTDOWN_TIMEOUT, code = CLOSE_GOING_AWAY, reason = '', spread = 0, signal } = objectOptions(given);
  checkTime('timeout', timeout);
  checkTime('spread', spread);
  const limit = timeout === 0 ? Infinity : timeout;
  if (spread > limit || spread === Infinity) refuse(RangeError, 'spread', 'no longer than "timeout"', spread);
  if (typeof code !== 'number' || !isValidCloseCode(code)) {
    refuse(TypeError, 'code', 'a close code that may be sent: 1000 to 1014 but for 1004 to 1006, or 3000 to 4999', code);
  }
  if (typeof reason !== 'string') refuse(TypeError, 'reason', 'a string', reason);
  const bytes = new TextEncoder().encode(reason);
  if (bytes.length > MAXIMUM_CONTROL_PAYLOAD - 2) refuse(RangeError, 'reason', 'at most 123 bytes', `${bytes.length} bytes`);
  if (signal !== undefined && typeof (signal as Partial<AbortSignal>).addEventListener !== 'function') {
    refuse(TypeError, 'signal', 'an AbortSignal', signal);
  }
  return { timeout: limit, code, reason: bytes, spread, signal };
}

/** A connection, or a request that may become one. */
export interface Drainable {
  /** Starts the closing handshake, or refuses the request. */
  close(code: number, reason: Uint8Array): void;
  terminate(): void;
}

/** Milliseconds between two steps of a spread. A shorter timer is too inexact. */
const STEP = 10;

export class Drain {
  readonly result: Promise<ShutdownResult>;
  readonly #settings: ShutdownSettings;
  /** Those that are left. The owner takes them out. */
  readonly #left: ReadonlySet<Drainable>;
  readonly #timers: Set<Timer> = new Set();
  readonly #signals: Set<AbortSignal> = new Set();
  #isForced = false;
  #isOver = false;
  #closed = 0;
  #terminated = 0;
  #unsentMessages = 0;
  #resolve!: (result: ShutdownResult) => void;

  /** @param left Everything that has to end. It may grow while the shutdown runs. */
  constructor(left: ReadonlySet<Drainable>, settings: ShutdownSettings) {
    this.#left = left;
    this.#settings = settings;
    this.result = new Promise((resolve) => (this.#resolve = resolve));
  }

  /** Closes `connections`, and drops the remaining ones after the timeout. */
  start(connections: readonly Drainable[]): void {
    const { timeout, signal } = this.#settings;
    if (timeout !== Infinity) this.#after(timeout, this.#force);
    if (signal !== undefined) this.heed(signal);
    if (!this.#isForced) this.#closeEvenly(connections);
    this.check();
  }

  /** Drops the remaining connections when `signal` is aborted. */
  heed(signal: AbortSignal): void {
    if (this.#isOver) return;
    if (signal.aborted) return this.#force();
    this.#signals.add(signal);
    signal.addEventListener('abort', this.#force);
  }

  /** Ends one more at once: a request, or a connection of a request that had been accepted before. */
  add(one: Drainable): void {
    if (this.#isForced) one.terminate();
    else one.close(this.#settings.code, this.#settings.reason);
  }

  /** A connection has ended. */
  count(wasClean: boolean): void {
    if (wasClean) this.#closed++;
    else this.#terminated++;
  }

  /** A connection that ends has not sent so many messages. */
  countUnsent(messages: number): void {
    this.#unsentMessages += messages;
  }

  /** Ends when nothing is left. */
  check(): void {
    if (this.#isOver || this.#left.size > 0) return;
    this.#isOver = true;
    for (const timer of this.#timers) clearTimer(timer);
    for (const signal of this.#signals) signal.removeEventListener('abort', this.#force);
    this.#resolve({ closed: this.#closed, terminated: this.#terminated, unsentMessages: this.#unsentMessages });
  }

  #closeEvenly(all: readonly Drainable[]): void {
    const { code, reason, spread } = this.#settings;
    const steps = Math.max(1, Math.min(all.length, Math.floor(spread / STEP)));
    const begin = elapsed();
    let next = 0;
    // Timers are late. The clock says how many steps are due, so that the delays do not add up.
    const take = (): void => {
      const passed = elapsed() - begin;
      const step = Math.min(steps, 1 + Math.max(0, Math.floor((passed * steps) / spread || 0)));
      const end = Math.floor((all.length * step) / steps);
      while (next < end) {
        const one = all[next++];
        if (this.#left.has(one)) one.close(code, reason);
      }
      if (step < steps && !this.#isForced && !this.#isOver) this.#after((step * spread) / steps - passed, take);
    };
    take();
  }

  readonly #force = (): void => {
    if (this.#isOver) return;
    this.#isForced = true;
    for (const one of this.#left) one.terminate();
  };

  #after(milliseconds: number, task: () => void): void {
    const timer = setTimer(() => {
      this.#timers.delete(timer);
      task();
    }, milliseconds);
    // A paused connection does not, and the program waits for the result.
    holdProcess(timer);
    this.#timers.add(timer);
  }
}
