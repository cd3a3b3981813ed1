// One direction of `proxy`: messages in their order, with faults on purpose.

import type { WebSocket } from '../api/ws/classes.ts';
import { CLOSE_ABNORMAL, CLOSE_NO_STATUS, isValidCloseCode } from '../base/close-codes.ts';
import { elapsed } from '../clock.ts';
import { sleep } from './wait.ts';

/** Faults that a proxy makes. */
export interface Faults {
  /** Milliseconds that each message waits. */
  readonly delay: number;
  /** Milliseconds, at random up to this, on top. */
  readonly jitter: number;
  /** Probability that a message is lost. */
  readonly drop: number;
  /** From 0 to 1, exclusive. */
  random(): number;
}

/** Bytes that may wait in a lane, or for the receiver, before the sender is held up. */
const MOST_WAITING = 1_048_576;
/** Bytes that count for a message besides its own: one may be empty, as a Ping may be. */
const COST = 256;

/** Random numbers that are the same for the same seed: mulberry32. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Passes messages of `from` on to `to`. */
export class Lane {
  readonly #from: WebSocket;
  readonly #to: WebSocket;
  readonly #faults: Faults | undefined;
  readonly #over: AbortSignal;
  #waiting = 0;
  #due = 0;
  #tail: Promise<void> = Promise.resolve();

  /** @param over Aborted when the connection is cut: nothing passes any more. */
  constructor(from: WebSocket, to: WebSocket, faults: Faults | undefined, over: AbortSignal) {
    this.#from = from;
    this.#to = to;
    this.#faults = faults;
    this.#over = over;
  }

  /** Whether the next message is to be lost. */
  drops(): boolean {
    return this.#faults !== undefined && this.#faults.drop > 0 && this.#faults.random() < this.#faults.drop;
  }

  /** Does `task`, which passes `length` bytes on, after the delay and all tasks before it. */
  pass(length: number, task: (to: WebSocket) => void): void {
    const { delay = 0, jitter = 0 } = this.#faults ?? {};
    if (delay === 0 && jitter === 0) return this.#do(task);
    this.#due = Math.max(this.#due, elapsed() + delay + jitter * (this.#faults?.random() ?? 0));
    const due = this.#due;
    const cost = length + COST;
    this.#waiting += cost;
    if (this.#waiting > MOST_WAITING) this.#from.pause();
    this.#tail = this.#tail.then(async () => {
      await sleep(Math.max(0, due - elapsed()), this.#over);
      this.#waiting -= cost;
      if (this.#over.aborted) return;
      if (this.#waiting <= MOST_WAITING) this.#from.resume();
      this.#do(task);
    });
  }

  #do(task: (to: WebSocket) => void): void {
    if (this.#to.readyState !== this.#to.OPEN) return;
    task(this.#to);
    if (this.#to.bufferedAmount <= MOST_WAITING) return;
    this.#from.pause();
    this.#to.once('drain', () => this.#from.resume());
  }

  /** Ends the other side as this one has ended. */
  end(code: number, reason: Buffer): void {
    this.pass(0, (to) => {
      if (code === CLOSE_ABNORMAL) to.terminate();
      else if (code === CLOSE_NO_STATUS || !isValidCloseCode(code)) to.close();
      else to.close(code, reason);
    });
  }
}
