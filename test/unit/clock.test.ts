// Deferred tasks: in order, at the end of the turn, each whatever the others do.

import { expect, test } from 'vitest';
import { defer } from '../../src/clock.ts';

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
