import { STATUS_CODES } from 'node:http';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../../src/base/errors.ts';
import { reasonPhrase, refusalHead, refuse } from '../../../src/handshake/refusal.ts';

test('server knows the reason phrases that node:http knows for final answers', () => {
  for (const status of [400, 401, 403, 404, 405, 408, 413, 414, 418, 426, 429, 431, 500, 502, 503, 505]) {
    expect(reasonPhrase(status)).toBe(STATUS_CODES[status]);
  }
  expect(reasonPhrase(599)).toBe('');
});

describe('refusalHead', () => {
  test('server writes a whole response that ends the connection', () => {
    expect(refusalHead(refuse(400, 'Invalid Upgrade header'))).toBe(
      'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/html\r\nContent-Length: 22\r\n\r\nInvalid Upgrade header',
    );
  });

  test('server uses the words of the status when there is no reason', () => {
    expect(refusalHead({ status: 401 })).toMatch(/Content-Length: 12\r\n\r\nUnauthorized$/);
    expect(refusalHead({ status: 599 })).toMatch(/^HTTP\/1\.1 599 \r\n[^]*Content-Length: 0\r\n\r\n$/);
  });

  test('server counts the body in bytes of UTF-8', () => {
    for (const reason of ['é', '€', '😀', '\ud800', 'a\r\nb\udc00é😀']) {
      expect(refusalHead({ status: 400, reason })).toContain(`Content-Length: ${Buffer.byteLength(reason)}\r\n`);
    }
  });

  test('server lets fields replace the defaults, whatever their case, but not the length', () => {
    const headers = {
      'content-type': 'text/plain',
      'content-length': 99,
      'Retry-After': 120,
      'Set-Cookie': ['a=b', 'c=d'],
      X: undefined,
    };
    expect(refusalHead({ status: 503, reason: 'no', headers })).toBe(
      'HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n' +
        'Retry-After: 120\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n\r\nno',
    );
  });

  test('server refuses fields that forge lines, and statuses that are none', () => {
    for (const headers of [{ A: 'b\r\nC: d' }, { A: ['b', 'c\n'] }, { 'A\r\nB': 'c' }, { 'A: b\r\nC': 'd' }, { '': 'a' }]) {
      expect(() => refusalHead({ status: 400, headers }), JSON.stringify(headers)).toThrow(UsageError);
    }
    for (const status of [101, 0, 1000, 400.5, NaN, '400\r\n' as unknown as number]) {
      expect(() => refusalHead({ status }), String(status)).toThrow(UsageError);
    }
  });
});
