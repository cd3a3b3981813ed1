// What a value is, whatever realm it is from, and what is made of a value that is no error.

import { describe, expect, it } from 'vitest';
import { toError } from '../../../src/base/realms.ts';

describe('toError', () => {
  it('gives an error back as it is', () => {
    const error = new RangeError('x');
    expect(toError(error)).toBe(error);
  });

  it.each([
    ['text', 'text'],
    [42, '42'],
    [undefined, 'undefined'],
    [Symbol('s'), 'Symbol(s)'],
  ])('says what %s is', (value, text) => {
    expect(toError(value)).toMatchObject({ message: text, cause: value });
  });

  it('throws for no value, though it has no text', () => {
    const silent = Object.create(null) as object;
    const thrower = {
      toString() {
        throw new Error('no text');
      },
    };
    for (const value of [silent, thrower]) expect(toError(value)).toMatchObject({ cause: value });
  });
});
