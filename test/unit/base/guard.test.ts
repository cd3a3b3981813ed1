import { expect, test } from 'vitest';
import { guard, inTurn } from '../../../src/base/guard.ts';
import { ManualPlatform } from '../../support/platform.ts';

test("program's exception is uncaught, and does not reach the transport", () => {
  const platform = new ManualPlatform();
  const fault = new Error('of the program');
  guard(platform, () => {
    throw fault;
  });
  expect(platform.uncaught).toEqual([]);
  platform.runDeferred();
  expect(platform.uncaught).toEqual([fault]);
});

test('what throws nothing runs once, at once', () => {
  const platform = new ManualPlatform();
  let runs = 0;
  guard(platform, () => runs++);
  expect(runs).toBe(1);
  expect(platform.deferrals).toBe(0);
});

test('the second of two tasks runs although the first throws, and no exception replaces the other', () => {
  const platform = new ManualPlatform();
  const throwing = (message: string) => () => {
    throw new Error(message);
  };
  expect(() => inTurn(platform, throwing('first'), throwing('second'))).toThrow('first');
  platform.runDeferred();
  expect(platform.uncaught).toEqual([new Error('second')]);
});
