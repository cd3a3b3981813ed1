import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { digest } from '../../../src/handshake/digest.ts';

test('digest is that of node:crypto at every length from 0 to 130', () => {
  for (let length = 0; length <= 130; length++) {
    const text = 'Aq7+/=. '.repeat(20).slice(0, length);
    expect(digest(text), `length ${length}`).toBe(createHash('sha1').update(text).digest('base64'));
  }
});
