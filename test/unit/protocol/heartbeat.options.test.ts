import { describe, expect, test } from 'vitest';
import { heartbeatSettings } from '../../../src/protocol/heartbeat.ts';

describe('heartbeatSettings()', () => {
  test.each([
    [undefined, undefined],
    [null, undefined],
    [false, undefined],
    [true, { interval: 30_000, timeout: 10_000 }],
    [{}, { interval: 30_000, timeout: 10_000 }],
    [
      { interval: 5, timeout: undefined },
      { interval: 5, timeout: 10_000 },
    ],
    [{ interval: Infinity }, undefined],
    [
      { interval: 2 ** 31, timeout: Infinity },
      { interval: 2 ** 31, timeout: Infinity },
    ],
    [{ timeout: 7 }, { interval: 30_000, timeout: 7 }],
  ])('of %j is %j', (option, expected) => expect(heartbeatSettings(option)).toEqual(expected));

  test.each([{ interval: 0 }, { interval: -1 }, { timeout: NaN }, { timeout: -Infinity }, { interval: '5' }])(
    'refuses %j',
    (option) => expect(() => heartbeatSettings(option as object)).toThrow(RangeError),
  );

  test.each([30_000, 'on', () => true])('refuses %s', (option) =>
    expect(() => heartbeatSettings(option as never)).toThrow(TypeError),
  );
});
