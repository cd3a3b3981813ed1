// Decides when a silent peer gets a Ping, and when it counts as dead (RFC 6455 section 5.5.2).

import { DEFAULT_HEARTBEAT_INTERVAL, DEFAULT_HEARTBEAT_TIMEOUT, ownOptions, refuse } from '../base/options.ts';
import type { Platform, Timer } from '../platform.ts';

/** Times of a heartbeat, which detects a peer that vanished. */
export interface HeartbeatOptions {
  /** Idle time in milliseconds before a Ping is sent. The Ping is sent after one to two intervals. Default 30,000. */
  interval?: number | undefined;
  /** Idle time in milliseconds after that Ping before the connection is dropped. Default 10,000. */
  timeout?: number | undefined;
}

/** Both in milliseconds. */
export interface HeartbeatSettings {
  /** Idle time before a Ping is sent. */
  readonly interval: number;
  /** Idle time after that Ping before the peer counts as dead. */
  readonly timeout: number;
}

/** The times that were asked for last: connections share them. */
let last: HeartbeatSettings | undefined;

/**
 * The times of a `heartbeat` option; undefined if it is off.
 *
 * @throws {RangeError} for a time that is not above 0. Infinity is no limit, as for every time: no Pings, or no end of the wait.
 * @throws {TypeError} for a value that is neither a boolean nor an object.
 */
export function heartbeatSettings(option: boolean | HeartbeatOptions | null | undefined): HeartbeatSettings | undefined {
  if (option === undefined || option === null || option === false) return undefined;
  if (option !== true && (typeof option !== 'object' || Array.isArray(option)))
    refuse(TypeError, 'heartbeat', 'a boolean or an object', option);
  const { interval = DEFAULT_HEARTBEAT_INTERVAL, timeout = DEFAULT_HEARTBEAT_TIMEOUT } = ownOptions(
    option === true ? null : option,
  );
  for (const [name, value] of Object.entries({ interval, timeout })) {
    if (typeof value !== 'number' || !(value > 0)) refuse(RangeError, `heartbeat.${name}`, 'a number above 0', value);
  }
  if (interval === Infinity) return undefined;
  if (last?.interval !== interval || last.timeout !== timeout) last = { interval, timeout };
  return last;
}

/** The connection, as a heartbeat uses it. */
export interface HeartbeatHost {
  /** Whether input is being read. While the program has paused, silence says nothing about the peer. */
  readonly isReading: boolean;
  /** Whether written data still waits for the peer or for the transport. */
  readonly isHeld: boolean;
  /** Sends a Ping without payload. */
  onSilence(): void;
  /** Drops the connection. */
  terminate(): void;
}

/** Milliseconds in which a runtime reads waiting input after its event loop was blocked. */
const LONGEST_GRACE = 100;

/** The error for the callbacks of messages that wait for a dead peer. */
export class HeartbeatError extends Error {
  readonly code = 'WS_ERR_HEARTBEAT' as const;

  constructor(timeout: number) {
    super(`The peer showed no sign of life within ${timeout} ms after a Ping`);
  }
}

/**
 * Watches one connection. A sign of life sets a flag, which the timer checks, so reading costs a store and no timer. Therefore a Ping is sent
 * after one to two idle intervals.
 */
export class Heartbeat {
  /** Set once the peer counts as dead. */
  error: HeartbeatError | undefined;
  readonly #platform: Platform;
  readonly #settings: HeartbeatSettings;
  readonly #host: HeartbeatHost;
  #hasSign = false;
  /** Whether data waited for the peer when the Ping was sent. */
  #wasHeld = false;
  #isStopped = false;
  #timer: Timer | undefined;

  constructor(platform: Platform, settings: HeartbeatSettings, host: HeartbeatHost) {
    this.#platform = platform;
    this.#settings = settings;
    this.#host = host;
  }

  /** Begins to watch, once the session reads. */
  start(): void {
    if (!this.#isStopped && this.#timer === undefined) this.#wait(this.#settings.interval);
  }

  /** Stops: the connection closes. */
  stop(): void {
    this.#isStopped = true;
    if (this.#timer !== undefined) this.#platform.clearTimer(this.#timer);
  }

  /** Waiting data was taken. A sign of life if it had waited before the Ping; the Ping itself is always written. */
  taken(): void {
    if (this.#wasHeld) this.#hasSign = true;
    this.#wasHeld = false;
  }

  /** Bytes arrived, or reading goes on after a pause. */
  sign(): void {
    this.#hasSign = true;
  }

  #wait(milliseconds: number): void {
    this.#hasSign = false;
    this.#timer = this.#platform.setTimer(() => this.#look(), milliseconds);
  }

  #look(): void {
    if (this.#isAlive) return this.#wait(this.#settings.interval);
    this.#wasHeld = this.#host.isHeld;
    // Armed first, because the Ping may end the connection.
    this.#await(this.#patience);
    this.#host.onSilence();
  }

  /** Waits `left` milliseconds for the peer. Checks earlier if that is long, so that an idle connection still gets its Pings. */
  #await(left: number): void {
    const { interval } = this.#settings;
    const step = Math.min(interval, left);
    this.#timer = this.#platform.setTimer(() => {
      if (this.#isAlive) this.#wait(interval > this.#patience ? interval - this.#patience : interval);
      else if (left > step) this.#await(left - step);
      else this.#judge();
    }, step);
  }

  #judge(): void {
    // While the program blocked the event loop, the Pong may have arrived without being read. So the last part is a separate timer.
    // It uses the runtime's clock, because a fake clock may jump over the time that the Pong takes.
    this.#timer = this.#platform.ownTimer(() => this.#platform.nextTurn(() => this.#decide()), this.#grace);
  }

  #decide(): void {
    if (this.#isStopped) return;
    if (this.#isAlive) return this.#wait(this.#settings.interval);
    this.error = new HeartbeatError(this.#settings.timeout);
    this.#host.terminate();
  }

  /** The last part of the timeout. */
  get #grace(): number {
    return Math.min(LONGEST_GRACE, this.#settings.timeout / 2);
  }

  get #patience(): number {
    return this.#settings.timeout - this.#grace;
  }

  /** Whether there was a sign of life, or could not be. */
  get #isAlive(): boolean {
    return this.#hasSign || !this.#host.isReading;
  }
}
