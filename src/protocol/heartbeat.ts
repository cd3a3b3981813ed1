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
  /** Sends a Ping without payload. */
  ping(): void;
  /** Drops the connection. */
  giveUp(): void;
}

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
  #isStopped = false;
  #timer: Timer | undefined;

  constructor(platform: Platform, settings: HeartbeatSettings, host: HeartbeatHost) {
    this.#platform = platform;
    this.#settings = settings;
    this.#host = host;
  }

  /** Begins to watch, once the session reads. */
  start(): void {
    if (!this.#isStopped && this.#timer === undefined) this.#wait();
  }

  /** Ends it: the session closes. */
  stop(): void {
    this.#isStopped = true;
    if (this.#timer !== undefined) this.#platform.clearTimer(this.#timer);
  }

  /** Bytes arrived, the peer took what it had kept waiting, or reading goes on after a pause. */
  sign(): void {
    this.#hasSign = true;
  }

  #wait(): void {
    this.#hasSign = false;
    this.#timer = this.#platform.setTimer(() => this.#look(), this.#settings.interval);
  }

  #look(): void {
    if (this.#hasSign || !this.#host.isReading()) return this.#wait();
    // Armed first: what the Ping sets off may end the connection.
    this.#timer = this.#platform.setTimer(() => this.#judge(), this.#settings.timeout);
    this.#host.ping();
  }

  #judge(): void {
    // While the program held up the event loop, the Pong may have come and lie unread: one more turn reads it.
    this.#platform.nextTurn(() => {
      if (this.#isStopped) return;
      if (this.#hasSign || !this.#host.isReading()) return this.#wait();
      this.error = new HeartbeatError(this.#settings.timeout);
      this.#host.giveUp();
    });
  }
}
