import { expect, test } from 'vitest';
import { CapacityError, ProtocolError, UsageError, Utf8Error } from '../../../src/base/errors.ts';

test('ProtocolError is a RangeError that closes with 1002', () => {
  const error = new ProtocolError({ code: 'WS_ERR_INVALID_OPCODE', message: 'no' });
  expect(error).toBeInstanceOf(RangeError);
  expect(error).toMatchObject({ name: 'RangeError', code: 'WS_ERR_INVALID_OPCODE', message: 'no', closeCode: 1002 });
});

test('CapacityError is a RangeError that closes with 1009, or with 1008 when asked', () => {
  const init = { code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', message: 'big' } as const;
  expect(new CapacityError(init)).toBeInstanceOf(RangeError);
  expect(new CapacityError(init)).toMatchObject({ ...init, closeCode: 1009 });
  expect(new CapacityError({ ...init, closeCode: 1008 }).closeCode).toBe(1008);
});

test('Utf8Error closes with 1007', () => {
  expect(new Utf8Error()).toMatchObject({ code: 'WS_ERR_INVALID_UTF8', closeCode: 1007, name: 'Error' });
  expect(new Utf8Error().message).toContain('UTF-8');
  expect(new Utf8Error('reason').message).toBe('reason');
});

test('UsageError has no close code: it never reaches the peer', () => {
  const error = new UsageError('bug');
  expect(error).toMatchObject({ name: 'UsageError', code: 'WS_ERR_USAGE', message: 'bug' });
  expect(error).not.toHaveProperty('closeCode');
});
