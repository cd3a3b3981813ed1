// Keeps a program's exception away from the runtime's socket callbacks, some of which would swallow it or break off.

import type { Platform } from '../platform.ts';

/** Runs `task`. What it throws is thrown again in a microtask, where the runtime reports it as uncaught. */
export function guard(platform: Platform, task: () => void): void {
  try {
    task();
  } catch (error) {
    platform.defer(() => {
      throw error;
    });
  }
}
