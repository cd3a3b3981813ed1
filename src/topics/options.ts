// The options of topics, and their checks.

import { checkInteger, checkLimit, checkTime, ownOptions, refuse } from '../base/options.ts';
import { checkBus, type Bus } from './bus.ts';
import { usableLimits, type HistoryLimits } from './history.ts';
import type { SlowPolicy } from './member.ts';
import type { Position } from './messages.ts';
import { isPattern } from './names.ts';
import type { PresenceLimits } from './presence.ts';
import { refusal } from './protocol.ts';

/** Options of {@link Topics}. */
export interface TopicsOptions {
  /** Carries messages to and from other processes. Default: none. */
  readonly bus?: Bus | undefined;
  /**
   * The last messages of each topic that are kept, so that a subscriber that was away gets the messages that it missed: `size` messages, each for `ttl`
   * milliseconds. A function decides by topic, and returns undefined for no history. Default: none.
   */
  readonly history?: HistoryLimits | ((topic: string) => HistoryLimits | undefined) | undefined;
  /** For a subscriber that lags. A function decides by topic. Default `'send'`. */
  readonly slow?: SlowPolicy | ((topic: string) => SlowPolicy) | undefined;
  /**
   * With a bus: tells other processes the subscribers, for `presence()`. It costs the bus an announcement when subscribers of a topic come or go, at most ten a second, and
   * each third of the `ttl`. A function decides by topic or pattern. Default: none.
   */
  readonly presence?: PresenceLimits | ((name: string) => PresenceLimits | undefined) | undefined;
  /** A subscriber is slow while more bytes than this wait for it. Default 64 KiB. */
  readonly maxLag?: number | undefined;
  /** Most names that one socket may subscribe to; 0 for no limit. Default 1,000. */
  readonly maxSubscriptions?: number | undefined;
  /** Most bytes of messages that wait while the bus is away; 0: publishing rejects then. Default 0. */
  readonly maxQueued?: number | undefined;
}

const DEFAULTS = { maxLag: 65_536, maxSubscriptions: 1_000, maxQueued: 0 };
const POLICIES: readonly unknown[] = ['send', 'drop', 'conflate'] satisfies SlowPolicy[];

/** The options with their defaults. */
export type ReadOptions = TopicsOptions & typeof DEFAULTS;

/** @throws {TypeError | RangeError} for an invalid one. */
export function readTopicsOptions(options: TopicsOptions | undefined): ReadOptions {
  const given = { ...DEFAULTS, ...ownOptions(options) } as ReadOptions;
  for (const name of ['maxLag', 'maxSubscriptions', 'maxQueued'] as const) checkLimit(name, given[name]);
  if (typeof given.slow !== 'function' && given.slow !== undefined) checkPolicy(given.slow);
  if (typeof given.history !== 'function' && given.history !== undefined) checkHistory(given.history);
  const { bus, history, presence } = given;
  if (bus !== undefined) checkBus(bus);
  if (bus !== undefined && bus.history === undefined && history !== undefined) {
    throw new TypeError('The "history" option needs a bus that keeps messages: this one has no history');
  }
  if (typeof presence !== 'function' && presence !== undefined) checkPresence(presence);
  if (bus !== undefined && bus.presence === undefined && presence !== undefined) {
    throw new TypeError('The "presence" option needs a bus that tells who is subscribed: this one has no presence');
  }
  return typeof history === 'object' ? { ...given, history: usableLimits(history) } : given;
}

export function checkPolicy(policy: SlowPolicy): SlowPolicy {
  if (!POLICIES.includes(policy)) refuse(TypeError, 'slow', "'send', 'drop' or 'conflate'", policy);
  return policy;
}

export function checkHistory(limits: HistoryLimits): void {
  if (Object(limits) !== limits) refuse(TypeError, 'history', 'an object or a function', limits);
  checkLimit('history.size', limits.size);
  checkTime('history.ttl', limits.ttl);
}

export function checkPresence(limits: PresenceLimits): void {
  if (Object(limits) !== limits) refuse(TypeError, 'presence', 'an object or a function', limits);
  checkInteger('presence.ttl', limits.ttl, 1_000, 86_400_000);
}

export function checkSince(name: string, since: Position): void {
  if (isPattern(name)) throw refusal('invalid', new TypeError('The "since" option does not work with a pattern'));
  const { epoch, offset } = Object(since) as Partial<Position>;
  if (typeof epoch !== 'string') refuse(TypeError, 'since.epoch', 'a string', epoch);
  checkLimit('since.offset', offset);
}
