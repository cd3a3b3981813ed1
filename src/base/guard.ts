// Keeps exceptions of a program away from the runtime's socket callbacks, some of which would swallow them or stop.

/** Runs a task in a microtask: a platform. */
export interface Deferring {
  defer(task: () => void): void;
}

/** Runs `task`. An exception of it is thrown again in a microtask, where the runtime reports it as uncaught. */
export function guard(platform: Deferring, task: () => void): void {
  try {
    task();
  } catch (error) {
    platform.defer(() => {
      throw error;
    });
  }
}

/** Runs two tasks of a program. The second one runs even if the first one throws. No exception replaces the other. */
export function inTurn(platform: Deferring, first: () => void, second: () => void): void {
  try {
    first();
  } finally {
    guard(platform, second);
  }
}
