// Keeps a program's exception away from the runtime's socket callbacks, some of which would swallow it or break off.

/** What runs a task in a microtask: a platform. */
export interface Deferring {
  defer(task: () => void): void;
}

/** Runs `task`. What it throws is thrown again in a microtask, where the runtime reports it as uncaught. */
export function guard(platform: Deferring, task: () => void): void {
  try {
    task();
  } catch (error) {
    platform.defer(() => {
      throw error;
    });
  }
}
