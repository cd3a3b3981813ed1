// When to ping a silent peer, and when it counts as dead. RFC 6455 section 5.5.2 names both uses of a Ping.

import type { Platform, Timer } from '../platform.ts';

/** Both in milliseconds. */
export interface HeartbeatSettings {
  /** How long nothing may arrive before a Ping is sent. */
  readonly interval: number;
  /** How long nothing may arrive after that Ping before the peer counts as dead. */
  readonly timeout: number;
}

/** What a heartbeat asks of its session. */
export interface HeartbeatHost {
  /** Whether what arrives would be read: while the program has paused, silence says nothing about the peer. */
  isReading(): boolean;
  /** Whether the peer, or a transport that takes its time, has not taken all that was written. */
  isHeld(): boolean;
  /** Sends a Ping without payload. */
  ping(): void;
  /** Drops the connection. */
  giveUp(): void;
}

/** Milliseconds in which a runtime reads what has arrived, after its event loop was held up. */
const LONGEST_GRACE = 100;

/** What the callbacks of messages get that wait for a peer which shows no sign of life. */
export class HeartbeatError extends Error {
  readonly code = 'WS_ERR_HEARTBEAT' as const;

  constructor(timeout: number) {
    super(`The peer showed no sign of life within ${timeout} ms after a Ping`);
  }
}

/**
 * Watches over one connection. A sign of life is a flag that the timer looks at: reading pays a store, never a timer. So a Ping is sent
 * when nothing has arrived for one to two intervals.
 */
export class Heartbeat {
  /** Set once the peer has been given up. */
  error: HeartbeatError | undefined;
  readonly #platform: Platform;
  readonly #settings: HeartbeatSettings;
  readonly #host: HeartbeatHost;
  #hasSign = false;
  /** Whether something waited for the peer when it was pinged. */
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

  /** Ends it: the session closes. */
  stop(): void {
    this.#isStopped = true;
    if (this.#timer !== undefined) this.#platform.clearTimer(this.#timer);
  }

  /** What waited was taken: a sign if it had waited before the Ping. A Ping that is written shows only that we live. */
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
    this.#wasHeld = this.#host.isHeld();
    // Armed first: what the Ping sets off may end the connection.
    this.#await(this.#patience);
    this.#host.ping();
  }

  /** Gives the peer `left` milliseconds. Looks sooner when that is long, so that an idle connection still sees its Pings. */
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
    // While the program held up the event loop, the Pong may have come and lie unread: the last stretch is a timer of its own.
    // By the runtime's clock, since a fake one may jump over the time that the Pong takes.
    this.#timer = this.#platform.ownTimer(() => this.#platform.nextTurn(() => this.#decide()), this.#grace);
  }

  #decide(): void {
    if (this.#isStopped) return;
    if (this.#isAlive) return this.#wait(this.#settings.interval);
    this.error = new HeartbeatError(this.#settings.timeout);
    this.#host.giveUp();
  }

  /** The last stretch of the timeout. */
  get #grace(): number {
    return Math.min(LONGEST_GRACE, this.#settings.timeout / 2);
  }

  get #patience(): number {
    return this.#settings.timeout - this.#grace;
  }

  /** Whether there was a sign of life, or could not be. */
  get #isAlive(): boolean {
    return this.#hasSign || !this.#host.isReading();
  }
}
