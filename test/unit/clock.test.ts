// Deferred tasks: in order, at the end of the turn, each whatever the others do. Timers: late ones wait until sockets were read.

import { describe, expect, test } from 'vitest';
import { clearTimer, defer, ownTimer, restartTimer, setTimer } from '../../src/clock.ts';
import { sleep } from '../support/sleep.ts';

/** Takes the uncaught exceptions of `run` from the test runner. */
async function uncaught(run: () => Promise<void>): Promise<unknown[]> {
  const errors: unknown[] = [];
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => errors.push(error));
  try {
    await run();
  } finally {
    process.removeAllListeners('uncaughtException');
    for (const listener of others) process.on('uncaughtException', listener);
  }
  return errors;
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('deferred tasks run in order behind the code that deferred them, and before any I/O', async () => {
  const seen: string[] = [];
  setImmediate(() => seen.push('immediate'));
  defer(() => {
    seen.push('one');
    defer(() => seen.push('three'));
  });
  defer(() => seen.push('two'));
  seen.push('code');
  await nextTurn();
  expect(seen).toEqual(['code', 'one', 'two', 'three', 'immediate']);
});

test('a deferred task that throws is reported, and takes no other along', async () => {
  const seen: string[] = [];
  const errors = await uncaught(async () => {
    defer(() => seen.push('one'));
    defer(() => {
      throw new Error('two');
    });
    defer(() => seen.push('three'));
    defer(() => {
      throw new Error('four');
    });
    await nextTurn();
    defer(() => seen.push('five'));
    await nextTurn();
  });
  expect(seen).toEqual(['one', 'three', 'five']);
  expect(errors.map((error) => (error as Error).message)).toEqual(['two', 'four']);
});

/** Blocks the event loop. */
function block(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

describe.each([
  ['setTimer', setTimer],
  ['ownTimer', ownTimer],
])('%s', (_, set) => {
  test('runs a task in time', async () => {
    const begin = performance.now();
    const time = await new Promise<number>((resolve) => set(() => resolve(performance.now() - begin), 200));
    expect(time).toBeGreaterThan(198);
  });

  test('gives a blocked event loop time to read before it runs a task', async () => {
    const seen: string[] = [];
    const done = new Promise<void>((resolve) => {
      set(() => {
        seen.push('task');
        resolve();
      }, 20);
    });
    block(200);
    const end = performance.now();
    // As the input that waits: it comes in a later turn than timers that are due.
    setTimeout(() => seen.push('input'), 20);
    await done;
    expect(seen).toEqual(['input', 'task']);
    expect(performance.now() - end).toBeGreaterThan(90);
  });

  test('gives the event loop time again if it is blocked while the task waits', async () => {
    const seen: string[] = [];
    const done = new Promise<void>((resolve) => {
      set(() => {
        seen.push('task');
        resolve();
      }, 20);
    });
    block(200);
    // The timer has fired, and the task waits. One timer: several might take as long as it waits.
    await new Promise((resolve) => void setTimeout(resolve, 20));
    block(300);
    setTimeout(() => seen.push('input'), 20);
    await done;
    expect(seen).toEqual(['input', 'task']);
  });

  test('runs a task in an event loop that is late each time', async () => {
    let isDone = false;
    set(() => (isDone = true), 10);
    let blocks = 0;
    for (; !isDone; blocks++) {
      block(250);
      await nextTurn();
    }
    expect(blocks).toBeLessThan(10);
  });

  test('runs no task that was cancelled, before it was due or after', async () => {
    const seen: string[] = [];
    clearTimer(set(() => seen.push('early'), 20));
    const late = set(() => seen.push('late'), 20);
    block(200);
    await new Promise((resolve) => void setTimeout(resolve, 20));
    clearTimer(late);
    clearTimer(late);
    await sleep(300);
    expect(seen).toEqual([]);
  });
});

test('a late timer that waits for the sockets cannot be restarted: another one takes its time', async () => {
  const seen: string[] = [];
  const timer = setTimer(() => seen.push('early'), 10);
  block(150);
  // It has fired, and waits. One timer: several might take as long as it waits.
  await new Promise((resolve) => void setTimeout(resolve, 20));
  expect(restartTimer(timer, 60_000)).toBe(false);
  clearTimer(timer);
  await sleep(150);
  expect(seen).toEqual([]);
  const next = setTimer(() => seen.push('next'), 60_000);
  expect(restartTimer(next, 60_000)).toBe('refresh' in setTimeout(() => {}, 0));
  clearTimer(next);
});
