// Time that compression takes in one turn of the event loop, limited for all connections of a thread together. Without it each of a
// thousand connections could have a slice of 2 ms in the same turn.

import type { Turn } from '../platform.ts';

/** The work of a turn, in bytes of output that the inflater makes in the same time: 2 to 4 ms. */
const MOST = 1048576;
/** A byte that is read costs as much as so many that are written, in both directions. */
const COST_OF_INPUT = 8;
/** A shorter message is deflated at once, however much work the turn has had: a program sends few in a turn, or waits for them itself. */
const SHORT = 16384;

/** The length for `step` of a message that is deflated. */
export function countedLength({ length }: Uint8Array): number {
  return length < SHORT ? 0 : length;
}

/** Makes the limit of a thread. @param nextTurn That of the platform. */
export function createTurn(nextTurn: (task: () => unknown) => void): Turn {
  let spent = 0;
  let willEnd = false;
  return {
    step(job, length) {
      if (length === 0) return job.step();
      if (spent >= MOST) return null;
      const bytes = job.step();
      spent += bytes === null ? MOST : bytes.length + length * COST_OF_INPUT;
      // Not after a little work, because the call costs as much as a message.
      if (bytes !== null && spent > MOST / 4 && !willEnd) {
        willEnd = true;
        nextTurn(() => {
          willEnd = false;
          spent = 0;
          return true;
        });
      }
      return bytes;
    },
    later(task) {
      nextTurn(() => {
        if (spent >= MOST) spent = 0;
        task();
        return spent < MOST;
      });
    },
  };
}
