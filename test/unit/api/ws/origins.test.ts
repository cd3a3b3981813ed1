import type { IncomingMessage } from 'node:http';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkAllowedOrigins, isAllowedOrigin, serializeOrigin } from '../../../../src/api/ws/origins.ts';

const request = {} as IncomingMessage;

describe('serializeOrigin()', () => {
  test.each([
    ['https://example.com', 'https://example.com'],
    ['HTTPS://Example.COM', 'https://example.com'],
    ['https://example.com:443', 'https://example.com'],
    ['http://example.com:80', 'http://example.com'],
    ['https://example.com:80', 'https://example.com:80'],
    ['http://localhost:8080', 'http://localhost:8080'],
    ['http://[::1]:3000', 'http://[::1]:3000'],
    ['https://bücher.example', 'https://xn--bcher-kva.example'],
    ['chrome-extension://abcdefgh', 'chrome-extension://abcdefgh'],
    ['null', 'null'],
  ])('of %s is %s', (origin, expected) => expect(serializeOrigin(origin)).toBe(expected));

  test.each([
    '',
    'NULL',
    'example.com',
    'https://',
    'https:example.com',
    'https:///example.com',
    'https://example.com/',
    'https://example.com/path',
    'https://example.com?query',
    'https://example.com#fragment',
    'https://user@example.com',
    'https://example.com, https://evil.example',
    'https://example.com https://evil.example',
    'https://example.com\\evil',
    'https://exa\tmple.com',
    ' https://example.com',
    'https://example.com:99999',
    'file:///etc',
    '*',
    'https://*.example.com:x',
  ])('refuses %j', (origin) => expect(serializeOrigin(origin)).toBeUndefined());

  test('of any text is undefined or its own serialization', () =>
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.webUrl(),
          fc.webAuthority().map((authority) => `https://${authority}`),
        ),
        (text) => {
          const serialized = serializeOrigin(text);
          if (serialized !== undefined) expect(serializeOrigin(serialized)).toBe(serialized);
        },
      ),
    ));
});

describe('isAllowedOrigin()', () => {
  const allowed = ['https://example.com', 'http://LOCALHOST:8080'];

  test.each([
    ['https://example.com', true],
    ['https://EXAMPLE.com:443', true],
    ['http://localhost:8080', true],
    ['http://localhost', false],
    ['http://example.com', false],
    ['https://example.com.evil.example', false],
    ['https://evil.example', false],
    ['https://sub.example.com', false],
    ['null', false],
    ['', false],
    [undefined, true],
  ])('says of %s: %s', (origin, expected) => expect(isAllowedOrigin(allowed, origin, request)).toBe(expected));

  test('allows no web page with an empty list', () => {
    expect(isAllowedOrigin([], 'https://example.com', request)).toBe(false);
    expect(isAllowedOrigin([], undefined, request)).toBe(true);
  });

  test('asks a function with the origin as it came, and the request', () => {
    const calls: unknown[] = [];
    const answer = isAllowedOrigin((...values) => calls.push(values) > 0, 'HTTPS://A.example', request);
    expect([answer, calls]).toEqual([true, [['HTTPS://A.example', request]]]);
  });

  test.each([1, 'yes', {}, undefined])('takes only true for a yes, not %s', (verdict) =>
    expect(isAllowedOrigin((() => verdict) as never, 'https://a.example', request)).toBe(false),
  );
});

describe('checkAllowedOrigins()', () => {
  test.each([[undefined], [null], [[]], [['null']], [['https://example.com']], [() => true]])('takes %s', (allowed) =>
    expect(() => checkAllowedOrigins(allowed)).not.toThrow(),
  );

  test.each(['example.com', 'https://example.com/', '*'])('names the option and the entry %j', (entry) => {
    const message = `The "allowedOrigins" option must have origins (scheme://host[:port]), not "${entry}"`;
    expect(() => checkAllowedOrigins(['https://example.com', entry])).toThrow(message);
  });

  test.each([['https://example.com'], [true], [/x/], [['example.com']], [['https://example.com/']], [[/x/]], [['*']]])(
    'refuses %s',
    (allowed) => expect(() => checkAllowedOrigins(allowed)).toThrow(TypeError),
  );
});
