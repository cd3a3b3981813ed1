// The last messages of a topic, in memory.

import { elapsed } from '../clock.ts';
import type { Position, Recovery, TopicMessage } from './messages.ts';

/** How much of a topic is kept. */
export interface HistoryLimits {
  /** Most messages. */
  readonly size: number;
  /** Milliseconds that a message is kept. */
  readonly ttl: number;
}

/** Milliseconds, 100 years: more is for ever, since engines have no such times. */
const LONGEST_TTL = 3.2e12;

/** The limits with a `ttl` that each engine takes. */
export function usableLimits(limits: HistoryLimits): HistoryLimits {
  return limits.ttl > LONGEST_TTL ? { size: limits.size, ttl: Infinity } : limits;
}

interface Entry {
  readonly message: TopicMessage;
  readonly since: number;
}

/** A ring of the last messages. */
export class History {
  readonly #limits: HistoryLimits;
  readonly #epoch: string;
  /** Undefined: not kept any more. */
  readonly #entries: (Entry | undefined)[] = [];
  /** Index of the oldest entry that counts. */
  #first = 0;
  #offset = 0;
  #lastUse: number = elapsed();

  constructor(limits: HistoryLimits, epoch: string) {
    this.#limits = limits;
    this.#epoch = epoch;
  }

  get position(): Position {
    return { epoch: this.#epoch, offset: this.#offset };
  }

  /** Milliseconds that a message is kept. */
  get ttl(): number {
    return this.#limits.ttl;
  }

  /** Drops expired messages. @returns Whether nothing was added for the whole `ttl`: then the history can be dropped. */
  expire(): boolean {
    this.#trim();
    return elapsed() - this.#lastUse > this.#limits.ttl;
  }

  /** Adds a message. @returns The same with its position. */
  add(topic: string, data: string | Uint8Array): TopicMessage {
    this.#offset++;
    this.#lastUse = elapsed();
    const message: TopicMessage = { topic, data, position: this.position };
    this.#entries.push({ message, since: this.#lastUse });
    this.#trim();
    return message;
  }

  /** The messages after `since`. */
  recover(since: Position): Recovery {
    this.#trim();
    const { position } = this;
    const missed = position.offset - since.offset;
    const isKept = since.epoch === position.epoch && missed >= 0 && missed <= this.#entries.length - this.#first;
    if (!isKept) return { messages: undefined, position };
    const messages = missed === 0 ? [] : this.#entries.slice(-missed).map((entry) => entry!.message);
    return { messages, position };
  }

  #trim(): void {
    const { size, ttl } = this.#limits;
    const entries = this.#entries;
    const oldest = elapsed() - ttl;
    while (this.#first < entries.length && (entries.length - this.#first > size || entries[this.#first]!.since < oldest))
      entries[this.#first++] = undefined;
    // Not shifted one by one, which is slow for a long history.
    if (this.#first > 32 && this.#first * 2 > entries.length) {
      entries.splice(0, this.#first);
      this.#first = 0;
    }
  }
}
