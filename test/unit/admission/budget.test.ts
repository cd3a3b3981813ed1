import { expect, test, vi } from 'vitest';
import { Budget } from '../../../src/admission/budget.ts';
import type { Session } from '../../../src/platform.ts';

const timers = vi.hoisted((): (() => void)[] => []);
vi.mock('../../../src/clock.ts', () => ({
  ownTimer: (task: () => void) => timers.push(task),
  clearTimer: () => void timers.splice(0),
}));
const elapse = (): void => timers.shift()!();

test('a listener that throws does not end the watch', () => {
  const dropped: number[] = [];
  const sessions = new Set<Session>();
  const add = (bufferedAmount: number, onDrop: () => void): void => {
    const session = { bufferedAmount, bufferedInput: 0 } as unknown as Session & { onOutputFailure: () => void };
    session.onOutputFailure = () => {
      sessions.delete(session);
      dropped.push(bufferedAmount);
      onDrop();
    };
    sessions.add(session);
  };
  add(100, () => {
    throw new Error('listener');
  });
  add(90, () => {});
  add(5, () => {});
  const budget = new Budget(
    50,
    () => sessions,
    () => {},
  );
  budget.start();
  expect(elapse).toThrow('listener');
  expect(dropped).toEqual([100]);
  elapse();
  expect(dropped).toEqual([100, 90]);
  budget.stop();
  expect(timers).toEqual([]);
});
