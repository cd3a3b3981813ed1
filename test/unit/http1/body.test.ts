import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { responseHeadParser, type ResponseHead } from '../../../src/handshake/http-head.ts';
import { BodyDecoder } from '../../../src/http1/body.ts';
import { latin1 } from './fake-network.ts';

function headOf(fields: string, status: number = 400): ResponseHead {
  const result = responseHeadParser().feed(latin1(`HTTP/1.1 ${status} X\r\n${fields}\r\n`));
  if (!result?.accepted) throw new Error('No head');
  return result.head;
}

/** Feeds `bytes` in pieces. @returns The body, and how it ended. */
function decode(fields: string, pieces: readonly string[], hasEnd: boolean = false, status?: number) {
  const decoder = new BodyDecoder(headOf(fields, status));
  let body = '';
  for (const piece of pieces) decoder.feed(latin1(piece), (bytes) => (body += String.fromCharCode(...bytes)));
  if (hasEnd) decoder.feedEnd();
  return { body, end: decoder.isComplete ? 'complete' : decoder.isMalformed ? 'malformed' : 'more' };
}

const LENGTH = 'Content-Length: 5\r\n';
const CHUNKED = 'Transfer-Encoding: chunked\r\n';

describe('BodyDecoder', () => {
  test.each([
    ['as long as Content-Length says', LENGTH, 'hello', false, { body: 'hello', end: 'complete' }],
    ['without what comes behind it', LENGTH, 'hello, world', false, { body: 'hello', end: 'complete' }],
    ['until the connection ends', '', 'hello', true, { body: 'hello', end: 'complete' }],
    ['of unknown length, so far', '', 'hello', false, { body: 'hello', end: 'more' }],
    ['in another coding, as it is', 'Transfer-Encoding: gzip, chunked\r\n', '5\r\n', true, { body: '5\r\n', end: 'complete' }],
    ['in chunks', CHUNKED, '5\r\nhello\r\n1 ;a=b\r\n!\r\n0\r\n\r\n', false, { body: 'hello!', end: 'complete' }],
    [
      'in chunks, with trailers',
      CHUNKED,
      'A\r\n0123456789\r\n0\r\nX: y\r\n\r\n',
      false,
      { body: '0123456789', end: 'complete' },
    ],
    ['in chunks rather than by length', CHUNKED + LENGTH, '1\r\na\r\n0\r\n\r\n', false, { body: 'a', end: 'complete' }],
  ] as const)('client reads a body %s', (_what, fields, bytes, hasEnd, expected) => {
    expect(decode(fields, [bytes], hasEnd)).toEqual(expected);
    expect(decode(fields, [...bytes], hasEnd)).toEqual(expected);
  });

  test.each([204, 304])('client expects no body with status %d', (status) => {
    expect(decode(LENGTH, [], false, status)).toEqual({ body: '', end: 'complete' });
  });

  test('client expects no body of length 0', () => {
    expect(decode('Content-Length: 0\r\n', [])).toEqual({ body: '', end: 'complete' });
  });

  test.each([
    ['a length that is no number', 'Content-Length: 5x\r\n', ''],
    ['a length below zero', 'Content-Length: -5\r\n', ''],
    ['a length beyond counting', 'Content-Length: 99999999999999999999\r\n', ''],
    ['an empty length', 'Content-Length: \r\n', ''],
    ['two lengths', LENGTH + LENGTH, ''],
    ['a size that is no number', CHUNKED, 'g\r\n'],
    ['a size beyond counting', CHUNKED, 'ffffffffffffffff\r\n'],
    ['an empty size', CHUNKED, '\r\n'],
    ['a size that ends without a carriage return', CHUNKED, '1\na'],
    ['a chunk that is longer than its size', CHUNKED, '1\r\nab\r\n'],
    ['an endless size', CHUNKED, '0'.repeat(5000)],
    ['endless trailers', CHUNKED, `0\r\n${'X: y\r\n'.repeat(3000)}`],
  ])('client takes %s for malformed', (_what, fields, bytes) => {
    expect(decode(fields, [bytes]).end).toBe('malformed');
  });

  test.each([
    [LENGTH, 'hell'],
    [CHUNKED, '5\r\nhello\r\n'],
  ])('client takes an end that comes too early for malformed (%s)', (fields, bytes) => {
    expect(decode(fields, [bytes], true).end).toBe('malformed');
  });

  test('client reads the same body wherever it is cut', () => {
    const bytes = '5\r\nhello\r\n10;x\r\n0123456789abcdef\r\n0\r\nA: b\r\n\r\n';
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length), { maxLength: 8 }), (cuts) => {
        const at = [0, ...cuts.sort((one, other) => one - other), bytes.length];
        const pieces = at.slice(1).map((end, index) => bytes.slice(at[index], end));
        expect(decode(CHUNKED, pieces)).toEqual({ body: 'hello0123456789abcdef', end: 'complete' });
      }),
    );
  });

  test('client takes any bytes without a throw, and gives no more than came', () => {
    fc.assert(
      fc.property(fc.constantFrom('', LENGTH, CHUNKED), fc.string(), fc.boolean(), (fields, bytes, hasEnd) => {
        const { body } = decode(fields, [bytes], hasEnd);
        expect(body.length).toBeLessThanOrEqual(bytes.length);
      }),
    );
  });
});
