import { describe, expect, test } from 'vitest';
import { heartbeatSettings } from '../../../../src/api/ws/options.ts';
import { sessionSettings } from '../../../../src/api/ws/options.ts';

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

describe('sessionSettings()', () => {
  test('leaves the heartbeat out when it is off, and passes it on when it is on', () => {
    expect(sessionSettings({})).toEqual({ skipUtf8Validation: false });
    expect(sessionSettings({ heartbeat: { interval: 1, timeout: 2 } })).toEqual({
      heartbeat: { interval: 1, timeout: 2 },
      skipUtf8Validation: false,
    });
  });
});
