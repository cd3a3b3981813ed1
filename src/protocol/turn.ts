// Time that compression takes in one turn of the event loop, limited for all connections of a thread together. Without it each of a
// thousand connections could have a slice of 2 ms in the same turn.
//
// A message that has not begun goes before those that have done a slice, so that a short one does not wait for the long ones of others.
// Few long ones are under way at a time, because each of them holds the output that it has made.

import type { Turn } from '../platform.ts';

/** The work of a turn, in bytes of output that the inflater makes in the same time: 2 to 4 ms. */
export const MOST_WORK = 1048576;
/** A byte that is read costs as much as so many that are written, in both directions. */
const COST_OF_INPUT = 8;
/** A shorter message is deflated at once, however much work the turn has had: a program sends few in a turn, or waits for them itself. */
const SHORT = 16384;
/**
 * Messages that go on after their first slice at the same time. It bounds the memory for output that is not complete: so many times
 * `maxPayload`, and a slice of each other message. The number is the `concurrencyLimit` of ws unless a program sets it.
 */
const MOST_UNDER_WAY = 10;
/** A long message goes on in each turn of this number, even if others have not begun: with 2 a short message waits for twice as many slices. */
const LONG_EVERY = 4;

/** The work of a step that ended a job. @param length Bytes that the job has read. */
export function countedWork({ length: written }: Uint8Array, length: number): number {
  return written + length * COST_OF_INPUT;
}

/** The length for `step` of a message that is deflated. */
export function countedLength({ length }: Uint8Array): number {
  return length < SHORT ? 0 : length;
}

/** Makes the limit of a thread. @param nextTurn That of the platform. */
export function createTurn(nextTurn: (task: () => unknown) => void): Turn {
  return new SharedTurn(nextTurn);
}

type Job = Parameters<Turn['step']>[0];
type Task = () => void;
/** Jobs that wait, first in, first out. */
type Queue = Map<Job, Task>;

class SharedTurn implements Turn {
  readonly #nextTurn: (task: () => unknown) => void;
  #spent = 0;
  /** Whether the end of the turn is planned. */
  #isPlanned = false;
  /** Jobs that have done a slice. */
  readonly #begun = new WeakSet<Job>();
  /** Jobs that have not. */
  readonly #fresh: Queue = new Map();
  /** Those of {@link MOST_UNDER_WAY} long jobs that do not run right now. */
  readonly #underWay: Queue = new Map();
  /** The other long jobs. */
  readonly #waiting: Queue = new Map();
  /** The long job that runs: it has a place among those that are under way. */
  #running: Job | null = null;
  /** Turns since the last one that had time for a long job. */
  #turnsWithoutLong = 0;

  constructor(nextTurn: (task: () => unknown) => void) {
    this.#nextTurn = nextTurn;
  }

  step(job: Job, length: number): Uint8Array | null {
    const isLong = job === this.#running;
    if (length === 0 && !isLong) return this.#stepOf(job);
    if (this.#spent >= MOST_WORK) return null;
    // A whole slice, unless it was less. How much a message had done that fails is unknown; it is the last one of its connection. The last
    // step of a long message joins all of its output.
    this.#spent += MOST_WORK;
    try {
      const bytes = this.#stepOf(job);
      if (bytes !== null && !isLong) this.#spent += countedWork(bytes, length) - MOST_WORK;
      return bytes;
    } finally {
      // Not after a little work, because the call costs as much as a message.
      if (this.#spent > MOST_WORK / 4) this.#plan();
    }
  }

  later(job: Job, task: Task): void {
    this.#queueOf(job).set(job, task);
    this.#plan();
  }

  forget(job: Job): void {
    for (const queue of [this.#fresh, this.#underWay, this.#waiting]) queue.delete(job);
  }

  #stepOf(job: Job): Uint8Array | null {
    const bytes = job.step();
    if (bytes === null) this.#begun.add(job);
    return bytes;
  }

  #queueOf(job: Job): Queue {
    if (!this.#begun.has(job)) return this.#fresh;
    const hasPlace = job === this.#running || (this.#waiting.size === 0 && this.#underWay.size < MOST_UNDER_WAY);
    return hasPlace ? this.#underWay : this.#waiting;
  }

  #plan(): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    this.#nextTurn(this.#begin);
  }

  /** Begins a turn. @returns Whether it has time for other tasks of the platform. */
  readonly #begin = (): boolean => {
    this.#isPlanned = false;
    this.#spent = 0;
    this.#turnsWithoutLong++;
    try {
      if (this.#turnsWithoutLong >= LONG_EVERY) this.#runLong();
      while (this.#spent < MOST_WORK && (this.#runFresh() || this.#runLong()));
    } finally {
      // A task may throw what a listener of the program throws.
      if (this.#fresh.size + this.#underWay.size + this.#waiting.size > 0) this.#plan();
    }
    return !this.#isPlanned;
  };

  #runFresh(): boolean {
    const next = takeFirst(this.#fresh);
    next?.[1]();
    return next !== undefined;
  }

  #runLong(): boolean {
    while (this.#underWay.size < MOST_UNDER_WAY && this.#waiting.size > 0) this.#underWay.set(...takeFirst(this.#waiting)!);
    const next = takeFirst(this.#underWay);
    if (next === undefined) return false;
    this.#turnsWithoutLong = 0;
    this.#running = next[0];
    try {
      next[1]();
    } finally {
      this.#running = null;
    }
    return true;
  }
}

function takeFirst(queue: Queue): [Job, Task] | undefined {
  const first = queue.entries().next().value;
  if (first !== undefined) queue.delete(first[0]);
  return first;
}
