import { expect, test } from 'vitest';
import { guard } from '../../../src/base/guard.ts';
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
