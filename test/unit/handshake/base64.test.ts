import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeBase64 } from '../../../src/handshake/base64.ts';

test('encoder writes the vectors of RFC 4648 section 10', () => {
  const vectors = ['', 'Zg==', 'Zm8=', 'Zm9v', 'Zm9vYg==', 'Zm9vYmE=', 'Zm9vYmFy'];
  vectors.forEach((expected, length) => expect(encodeBase64(Buffer.from('foobar'.slice(0, length)))).toBe(expected));
});

test('encoder agrees with Buffer on any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      expect(encodeBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'));
    }),
  );
});
