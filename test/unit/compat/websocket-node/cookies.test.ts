// Cookies of a request. What parses any bytes is in test/compat/websocket-node/parsers.fuzz.test.ts.

import { describe, expect, test } from 'vitest';
import { parseCookies } from '../../../../src/compat/websocket-node/cookies.ts';

describe('cookies', () => {
  test('stay as they are where they are not well encoded', () => {
    expect(parseCookies('a=%zz; b=%C3%A4; c="d')).toEqual([
      { name: 'a', value: '%zz' },
      { name: 'b', value: 'ä' },
      { name: 'c', value: 'd' },
    ]);
  });

  test('are none without a field', () => expect(parseCookies(undefined)).toEqual([]));
});
