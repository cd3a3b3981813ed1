// Clocks that replace the runtime's: @sinonjs/fake-timers, on which jest's and vitest's stand too.

import { createRequire } from 'node:module';

/** A fake clock, as far as tests need it. */
export interface FakeClock {
  tick(milliseconds: number): void;
  countTimers(): number;
  uninstall(): void;
}

interface FakeTimers {
  install(config?: { readonly toFake?: readonly string[]; readonly now?: number }): FakeClock;
}

const { install } = createRequire(import.meta.url)('@sinonjs/fake-timers') as FakeTimers;

/** The functions that a program fakes by default: all but those that streams of Node.js need. */
const FAKED = [
  'setTimeout',
  'clearTimeout',
  'setImmediate',
  'clearImmediate',
  'setInterval',
  'clearInterval',
  'Date',
  'performance',
];

/** The timers of the runtime, taken before any is faked. */
const { setTimeout: realSetTimeout } = globalThis;

/** Fakes the timers and the date, and with `and` more functions, such as `queueMicrotask` and `nextTick`. */
export function fakeClock(...and: readonly string[]): FakeClock {
  return install({ toFake: [...FAKED, ...and] });
}

/** Fakes the functions named, and nothing else. */
export function fakeOnly(...names: readonly string[]): FakeClock {
  return install({ toFake: names });
}

/** Waits by the runtime's clock until `holds` returns true. The test's own time limit ends a vain wait. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) {
    await new Promise<void>((resolve) => {
      realSetTimeout(resolve, 5);
    });
  }
}

/** Waits by the runtime's clock. */
export function pass(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    realSetTimeout(resolve, milliseconds);
  });
}
