import { expect, test, vi } from 'vitest';
import { FragmentJoiner } from '../../../src/native/fragments.ts';
import { utf8 } from '../../support/frames.ts';
import { ManualPlatform } from '../../support/platform.ts';

const MORE = { fin: false };

test('a joiner takes fragments only, and the first one names the type', () => {
  const joiner = new FragmentJoiner(new ManualPlatform());
  expect([undefined, { fin: true }, MORE].map((options) => joiner.takes(options))).toEqual([false, false, true]);
  expect(joiner.add(utf8('a'), true, MORE, undefined)).toBeUndefined();
  expect(joiner.takes(undefined)).toBe(true);
  expect(joiner.add(utf8('bc'), false, MORE, undefined)).toBeUndefined();
  expect(joiner.bytes).toBe(3);
  expect(joiner.add(utf8('d'), false, undefined, undefined)).toMatchObject({ payload: utf8('abcd'), isText: true });
  expect([joiner.bytes, joiner.takes(undefined)]).toEqual([0, false]);
  joiner.add(utf8('e'), false, MORE, undefined);
  expect(joiner.add(new Uint8Array(0), true, {}, undefined)).toMatchObject({ payload: utf8('e'), isText: false });
});

test('a joined message calls the callbacks of all its fragments, and a dropped one gives them back', () => {
  const joiner = new FragmentJoiner(new ManualPlatform());
  const [first, second, third] = [vi.fn<() => void>(), vi.fn<() => void>(), vi.fn<() => void>()];
  const error = new Error('lost');
  joiner.add(utf8('a'), true, MORE, first);
  joiner.add(utf8('b'), true, undefined, second)!.callback(error);
  expect([first.mock.calls, second.mock.calls]).toEqual([[[error]], [[error]]]);
  joiner.add(utf8('c'), true, MORE, third);
  expect(joiner.drop()).toEqual([third]);
  expect([joiner.bytes, joiner.takes(undefined), joiner.drop()]).toEqual([0, false, []]);
});

test('a callback that throws does not keep the others from being called', () => {
  const platform = new ManualPlatform();
  const joiner = new FragmentJoiner(platform);
  const [thrown, later] = [new Error('oops'), vi.fn<() => void>()];
  joiner.add(utf8('a'), true, MORE, () => {
    throw thrown;
  });
  joiner.add(utf8('b'), true, undefined, later)!.callback();
  platform.runDeferred();
  expect(later).toHaveBeenCalledOnce();
  expect(platform.uncaught).toEqual([thrown]);
});
