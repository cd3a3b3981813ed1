import { expect, test } from 'vitest';
import * as codes from '../../../src/base/close-codes.ts';

test('close codes have the numbers of the registry', () => {
  const { isValidCloseCode: _, ...numbers } = codes;
  expect(numbers).toEqual({
    CLOSE_NORMAL: 1000,
    CLOSE_GOING_AWAY: 1001,
    CLOSE_PROTOCOL_ERROR: 1002,
    CLOSE_NO_STATUS: 1005,
    CLOSE_ABNORMAL: 1006,
    CLOSE_INVALID_PAYLOAD: 1007,
    CLOSE_POLICY_VIOLATION: 1008,
    CLOSE_MESSAGE_TOO_BIG: 1009,
    CLOSE_INTERNAL_ERROR: 1011,
  });
});

test('isValidCloseCode takes exactly what may stand in a Close frame', () => {
  const valid: number[] = [];
  for (let code = -1; code <= 70000; code++) if (codes.isValidCloseCode(code)) valid.push(code);
  const low = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
  expect(valid.slice(0, low.length)).toEqual(low);
  expect(valid.slice(low.length)).toEqual(Array.from({ length: 2000 }, (_, index) => 3000 + index));
});

test.each([NaN, Infinity, 1000.5, 3000.1, '1000' as unknown as number])('isValidCloseCode refuses %s', (code) => {
  expect(codes.isValidCloseCode(code)).toBe(false);
});
