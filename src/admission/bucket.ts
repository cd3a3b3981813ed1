// Token buckets: a number of events at once, and as many more in each interval, evenly.

import { refuse } from '../base/options.ts';

/** At most `count` events at once. They return evenly, `count` in each `interval` of milliseconds. */
export interface RateOptions {
  readonly count: number;
  /** Milliseconds. Default 1000. */
  readonly interval?: number | undefined;
}

/** A number counts for a second. */
export type Rate = number | RateOptions;

/** A rate with its defaults. */
export interface RateSettings {
  readonly count: number;
  readonly interval: number;
}

/** The settings of the rate option `name`; undefined for no limit. @throws {RangeError} for a number that is not above 0. */
export function readRate(name: string, given: Rate | null | undefined): RateSettings | undefined {
  if (given === undefined || given === null) return undefined;
  if (typeof given !== 'number' && typeof given !== 'object') {
    refuse(TypeError, name, 'a number a second, or an object with "count" and "interval"', given);
  }
  const { count, interval = 1000 } = typeof given === 'number' ? { count: given } : given;
  if (typeof count !== 'number' || !(count >= 1)) {
    refuse(RangeError, name, '1 or more: for less, give "count" and a longer "interval"', count);
  }
  if (typeof interval !== 'number' || !(interval > 0) || interval === Infinity) {
    refuse(RangeError, `${name}.interval`, 'a number of milliseconds above 0', interval);
  }
  return count === Infinity ? undefined : { count, interval };
}

/** Milliseconds that rounding may add up to. */
const ROUNDING = 1e-6;

/** Keeps the time at which it is full again instead of its tokens: one number, which grows by the same for each token. */
export class TokenBucket {
  readonly #interval: number;
  /** Milliseconds in which a token returns. */
  readonly #perToken: number;
  #full: number;
  #last: number;

  /** @param now Milliseconds of any clock, here and below. */
  constructor({ count, interval }: RateSettings, now: number) {
    this.#interval = interval;
    this.#perToken = interval / count;
    this.#full = this.#last = now;
  }

  /** Takes a token if there is one. @returns 0, or the milliseconds until there is one. */
  tryTake(now: number): number {
    const wait = this.spend(1, now);
    if (wait > 0) this.#full -= this.#perToken;
    return wait;
  }

  /** Takes `amount` tokens, also those that are not there. @returns The milliseconds until the debt is paid; 0 without a debt. */
  spend(amount: number, now: number): number {
    // A clock that was set back gives nothing, and does not take anything.
    if (now < this.#last) this.#full -= this.#last - now;
    this.#last = now;
    this.#full = Math.max(this.#full, now) + amount * this.#perToken;
    return Math.max(0, Math.ceil(this.#full - now - this.#interval - ROUNDING));
  }
}

/** Most buckets of a table: 3 MB. */
export const MOST_BUCKETS = 16_384;

/** A bucket for each key. Beyond {@link MOST_BUCKETS} the least recently used one is dropped; if its key comes again, it begins full. */
export class BucketTable {
  readonly #settings: RateSettings;
  /** The most recently used one is the last. */
  readonly #buckets: Map<string, TokenBucket> = new Map();

  constructor(settings: RateSettings) {
    this.#settings = settings;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Takes a token of `key`. @returns 0, or the milliseconds until there is one. */
  tryTake(key: string, now: number): number {
    const bucket = this.#buckets.get(key) ?? new TokenBucket(this.#settings, now);
    this.#buckets.delete(key);
    if (this.#buckets.size >= MOST_BUCKETS) this.#buckets.delete(this.#buckets.keys().next().value!);
    this.#buckets.set(key, bucket);
    return bucket.tryTake(now);
  }
}
