import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { acceptKey, isValidKey } from '../../../src/handshake/accept-key.ts';

test('server answers the key of RFC 6455 section 1.3', () => {
  expect(acceptKey('dGhlIHNhbXBsZSBub25jZQ==')).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
});

test('server answers any key as node:crypto does', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (nonce) => {
      const key = Buffer.from(nonce).toString('base64');
      const digest = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
      expect(acceptKey(key)).toBe(digest);
      expect(isValidKey(key)).toBe(true);
    }),
  );
});

test('server knows that a key of another length, alphabet or padding is not valid', () => {
  for (const key of [
    '',
    '==',
    'dGhlIHNhbXBsZSBub25jZQ=',
    'dGhlIHNhbXBsZSBub25jZQ',
    'dGhlIHNhbXBsZSBub25jZQ===',
    'dGhlIHNhbXBsZSBub25jZTE=',
    'dGhlIHNhbXBsZSBub25jZTEy',
    'dGhlIHNhbXBsZSBub25j_Q==',
    ' dGhlIHNhbXBsZSBub25jZQ=',
    'dGhlIHNhbXBsZSBub25=ZQ==',
    'dGhlIHNhbXBsZSBub25jé===',
  ]) {
    expect(isValidKey(key), key).toBe(false);
  }
});

test('server takes a key with bits behind the 16 bytes', () => {
  for (const last of ['A', 'Q', 'g', 'w', 'B', 'R', 'h', 'x', '/', '+', '9']) {
    expect(isValidKey(`AAAAAAAAAAAAAAAAAAAAA${last}==`), last).toBe(true);
  }
});
