// `maxTotalBuffered`: a bound on the memory that all connections of a server use for waiting bytes.

import { CLOSE_POLICY_VIOLATION } from '../base/close-codes.ts';
import { CapacityError } from '../base/errors.ts';
import { clearTimer, ownTimer, type Timer } from '../clock.ts';
import type { Session } from '../platform.ts';

/** Milliseconds between two looks. Counting at each message instead would cost all connections time. 10,000 connections take 0.5 ms a look. */
const INTERVAL = 100;

/** Bytes that wait in a session, for the peer and for the program. */
export function bytesOf(session: Session): number {
  return session.bufferedAmount + session.bufferedInput;
}

/** Watches sessions while there are any. */
export class Budget {
  readonly #maximum: number;
  readonly #sessions: () => Iterable<Session>;
  readonly #onDrop: () => void;
  #timer: Timer | undefined;

  /** @param sessions Those that are open. @param onDrop Called for each connection that is dropped. */
  constructor(maximum: number, sessions: () => Iterable<Session>, onDrop: () => void) {
    this.#maximum = maximum;
    this.#sessions = sessions;
    this.#onDrop = onDrop;
  }

  start(): void {
    this.#timer ??= ownTimer(() => {
      this.#timer = undefined;
      // First, because a listener of a connection that is dropped may throw.
      for (const _ of this.#sessions()) {
        this.start();
        break;
      }
      this.look();
    }, INTERVAL);
  }

  stop(): void {
    clearTimer(this.#timer);
    this.#timer = undefined;
  }

  /** Drops the connections that hold the most, until the rest is within the budget. */
  look(): void {
    let total = 0;
    for (const session of this.#sessions()) total += bytesOf(session);
    if (total <= this.#maximum) return;
    const holders = [...this.#sessions()].map((session) => ({ session, bytes: bytesOf(session) }));
    holders.sort((one, other) => other.bytes - one.bytes);
    for (const { session, bytes } of holders) {
      if (total <= this.#maximum) return;
      total -= bytes;
      this.#onDrop();
      session.onOutputFailure(
        new CapacityError({
          code: 'WS_ERR_TOO_MUCH_BUFFERED_IN_TOTAL',
          message: `All connections hold more than maxTotalBuffered (${this.#maximum} bytes), and this one holds the most: ${bytes}`,
          closeCode: CLOSE_POLICY_VIOLATION,
        }),
      );
    }
  }
}
