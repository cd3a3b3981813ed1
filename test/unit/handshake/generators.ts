// Generators that the handshake's property tests share.

import fc from 'fast-check';

const TOKEN_CHARACTERS = "!#$%&'*+-.^_`|~0123456789ABCXYZabcxyz";

/** A short token, RFC 9110 section 5.6.2. */
export const TOKEN: fc.Arbitrary<string> = fc.string({
  unit: fc.constantFrom(...TOKEN_CHARACTERS),
  minLength: 1,
  maxLength: 8,
});

/** Tokens with some of `separators` between them: values that are nearly valid. */
export function tokens(...separators: string[]): fc.Arbitrary<string> {
  return fc.array(fc.oneof(TOKEN, fc.constantFrom(...separators)), { maxLength: 12 }).map((parts) => parts.join(''));
}
