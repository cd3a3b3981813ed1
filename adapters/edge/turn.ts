// Time that compression takes in one turn of a worker. workerd ties I/O to the request that has set its timer, so each task has a timer of its
// own: the queues of src/protocol/turn.ts would run the tasks of one request in another one.

import type { Turn } from '../../src/platform.ts';
import { countedWork, MOST_WORK } from '../../src/protocol/turn.ts';

/** Makes the limit of a thread. @param later Runs a task in a later turn, in the request that calls this. */
export function createTurn(later: (task: () => void) => void): Turn {
  let spent = 0;
  let isPlanned = false;
  return {
    step(job, length) {
      if (length === 0) return job.step();
      if (spent >= MOST_WORK) return null;
      // A whole slice, unless it was less.
      spent += MOST_WORK;
      try {
        const bytes = job.step();
        if (bytes !== null) spent += countedWork(bytes, length) - MOST_WORK;
        return bytes;
      } finally {
        if (spent > MOST_WORK / 4 && !isPlanned) {
          isPlanned = true;
          later(() => {
            isPlanned = false;
            spent = 0;
          });
        }
      }
    },
    later(_job, task) {
      later(() => {
        if (spent >= MOST_WORK) spent = 0;
        task();
      });
    },
    // A task of a closed connection does nothing.
    forget() {},
  };
}
