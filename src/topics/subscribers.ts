// The members of one topic or pattern.

import type { History } from './history.ts';
import type { Member } from './member.ts';

/**
 * A set of members, and the history of the topic.
 *
 * Most of 100,000 topics have one subscriber. A Set for it takes 150 bytes, and each message then reads two more objects that are in no cache.
 */
export class Subscribers {
  readonly history: History | undefined;
  /** The only one. */
  #only: Member | null = null;
  /** All of them, once there were several. */
  #all: Set<Member> | null = null;

  constructor(history?: History) {
    this.history = history;
  }

  get size(): number {
    if (this.#all !== null) return this.#all.size;
    return this.#only === null ? 0 : 1;
  }

  /** The member, if it has never had company. */
  get only(): Member | null {
    return this.#only;
  }

  has(member: Member): boolean {
    return this.#all?.has(member) ?? this.#only === member;
  }

  add(member: Member): void {
    if (this.#all !== null) {
      this.#all.add(member);
    } else if (this.#only === null) {
      this.#only = member;
    } else if (this.#only !== member) {
      this.#all = new Set([this.#only, member]);
      this.#only = null;
    }
  }

  delete(member: Member): void {
    this.#all?.delete(member);
    if (this.#only === member) this.#only = null;
  }

  /** In the order in which they came. Stays as it is when others come and go. */
  list(): Member[] {
    if (this.#all !== null) return [...this.#all];
    return this.#only === null ? [] : [this.#only];
  }
}
