// Tells other processes, over a bus, the subscribers of this one.

import { toError } from '../base/realms.ts';
import { clearTimer, setTimer, type Timer } from '../clock.ts';
import type { BusPresence } from './bus.ts';

/** How a topic's subscribers are announced to other processes. */
export interface PresenceLimits {
  /** Milliseconds after which the subscribers of a process that died are not counted any more: 1,000 to 86,400,000. */
  readonly ttl: number;
}

/** The subscribers. */
export interface Presence {
  readonly count: number;
  /** One for each subscriber, opaque. */
  readonly ids: readonly string[];
}

/** The members of its owner that an announcer uses. */
export interface PresenceSource {
  readonly ready: Promise<void>;
  readonly isAway: boolean;
  /** The subscribers of `name` in this process. */
  idsOf(name: string): readonly string[];
  onError(error: Error): void;
}

/** Milliseconds between two announcements of a name: subscribers that come and go meanwhile share the next one. */
const PACE = 100;
/** Most milliseconds that closing waits for the bus. The entries expire anyway. */
const WITHDRAWAL_TIMEOUT = 2_000;

/** A name that was announced. */
interface Announced {
  readonly ttl: number;
  /** Whether its subscribers have changed since the last announcement began. */
  isChanged: boolean;
  /** Whether the last announcement has not arrived: then the bus may still have an older one. */
  isMissing: boolean;
  /** Fulfilled once the announcement under way is over. Undefined if none is, and none was a moment ago. */
  busy: Promise<void> | undefined;
  timer: Timer;
}

export class PresenceAnnouncer {
  readonly #bus: BusPresence;
  readonly #source: PresenceSource;
  readonly #names: Map<string, Announced> = new Map();

  constructor(bus: BusPresence, source: PresenceSource) {
    this.#bus = bus;
    this.#source = source;
  }

  /** The subscribers of `name` have changed. */
  change(name: string, ttl: number): void {
    let announced = this.#names.get(name);
    if (announced === undefined) {
      announced = { ttl, isChanged: true, isMissing: false, busy: undefined, timer: undefined };
      this.#names.set(name, announced);
    }
    announced.isChanged = true;
    if (announced.busy === undefined) this.#start(name, announced);
  }

  /** The ids in all other processes. */
  async others(name: string): Promise<readonly string[]> {
    await this.#source.ready;
    return this.#bus.others(name);
  }

  /** The bus is back, and may have lost everything. */
  restore(): void {
    for (const [name, { ttl }] of this.#names) this.change(name, ttl);
  }

  /** Withdraws all announcements. If the bus does not reply in time, they expire. */
  async close(): Promise<void> {
    const names = [...this.#names];
    this.#names.clear();
    for (const [, { timer }] of names) clearTimer(timer);
    if (names.length === 0 || this.#source.isAway) return;
    let timer: Timer;
    const late = new Promise<void>((resolve) => (timer = setTimer(resolve, WITHDRAWAL_TIMEOUT)));
    const withdrawn = names.map(async ([name, { busy, ttl }]) => {
      await busy;
      await this.#bus.announce(name, [], ttl);
    });
    await Promise.race([Promise.allSettled(withdrawn), late]);
    clearTimer(timer);
  }

  #start(name: string, announced: Announced): void {
    clearTimer(announced.timer);
    announced.busy = this.#announce(name, announced).then(() => {
      if (this.#names.get(name) === announced) announced.timer = setTimer(() => this.#goOn(name, announced), PACE);
    });
  }

  async #announce(name: string, announced: Announced): Promise<void> {
    const source = this.#source;
    try {
      await source.ready;
      announced.isChanged = false;
      announced.isMissing = true;
      // While the bus is away, nothing arrives. Once it is back, all are announced.
      if (source.isAway) return;
      await this.#bus.announce(name, source.idsOf(name), announced.ttl);
      announced.isMissing = false;
    } catch (error) {
      // The next announcement has all ids again.
      source.onError(toError(error));
    }
  }

  #goOn(name: string, announced: Announced): void {
    announced.busy = undefined;
    if (announced.isChanged) this.#start(name, announced);
    else if (this.#source.idsOf(name).length === 0 && !announced.isMissing) this.#names.delete(name);
    else announced.timer = setTimer(() => this.#start(name, announced), announced.ttl / 3);
  }
}
