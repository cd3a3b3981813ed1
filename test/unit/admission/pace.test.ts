// When reading stops and goes on, by a fake clock.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { pace } from '../../../src/admission/pace.ts';
import { FakeSession } from '../../support/fake-session.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function paced(
  count: number,
  policy: 'pause' | 'close' = 'pause',
): { session: FakeSession; texts: number; flow: () => string[] } {
  const session = new FakeSession('server');
  const seen = { texts: 0 };
  pace(session, { messages: { count, interval: 1000 }, bytes: undefined, policy, onExceeded() {} });
  session.attach({
    onMessage: () => void seen.texts++,
    onPing() {},
    onPong() {},
    onClosing() {},
    onError() {},
    onDrain() {},
    onEnd() {},
  });
  return {
    session,
    get texts() {
      return seen.texts;
    },
    flow: () => session.calls.map(([name]) => name).filter((name) => name === 'pause' || name === 'resume'),
  };
}

test('a burst within the rate pauses nothing', () => {
  const { session, flow } = paced(3);
  for (let index = 0; index < 3; index++) session.receiveText('x');
  expect(flow()).toEqual([]);
  vi.advanceTimersByTime(1000);
  for (let index = 0; index < 3; index++) session.receiveText('x');
  expect(flow()).toEqual([]);
});

test('a debt pauses until it is paid, whatever else the same read brings', () => {
  const one = paced(2);
  for (let index = 0; index < 6; index++) one.session.receiveText('x');
  expect(one.texts).toBe(6);
  expect(one.flow()).toEqual(['pause']);
  vi.advanceTimersByTime(1999);
  expect(one.flow()).toEqual(['pause']);
  vi.advanceTimersByTime(1);
  expect(one.flow()).toEqual(['pause', 'resume']);
  expect(vi.getTimerCount()).toBe(0);
});

test('a pause of the program lasts, and its resume waits for the debt', () => {
  const one = paced(1);
  one.session.receiveText('x');
  one.session.receiveText('x');
  one.session.resume();
  expect(one.flow()).toEqual(['pause']);
  one.session.pause();
  vi.advanceTimersByTime(1000);
  expect(one.flow()).toEqual(['pause', 'pause']);
  one.session.resume();
  expect(one.flow()).toEqual(['pause', 'pause', 'resume']);
});

test('the end leaves no timer', () => {
  const one = paced(1);
  one.session.receiveText('x');
  one.session.receiveText('x');
  one.session.receiveEnd(1006, '', false);
  expect(vi.getTimerCount()).toBe(0);
});

test('"close" closes once with 1008, and delivers nothing more', () => {
  const one = paced(2, 'close');
  for (let index = 0; index < 6; index++) one.session.receiveText('x');
  expect(one.texts).toBe(2);
  expect(one.session.calls.filter(([name]) => name === 'close')).toEqual([['close', 1008, '']]);
});
