// The only code among the types.

import { expect, it } from 'vitest';
import { InflateError } from '../../../src/deflate/engine.ts';

it('an inflate error says whether the output or the input is to blame', () => {
  const malformed = new InflateError({ message: 'invalid block type', isTooLong: false, code: 'Z_DATA_ERROR' });
  expect(malformed).toBeInstanceOf(Error);
  expect(malformed).toMatchObject({ message: 'invalid block type', isTooLong: false, code: 'Z_DATA_ERROR' });
  expect(new InflateError({ message: 'long', isTooLong: true })).toMatchObject({ isTooLong: true, code: undefined });
});
