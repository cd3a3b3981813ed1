// The client's address behind proxies, and what clients write into the same header fields.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ClientAddresses, type TrustProxy } from '../../../src/admission/forwarded.ts';

const find = (trust: TrustProxy, peer: string | undefined, field: string | undefined): string | undefined =>
  new ClientAddresses(trust).find(peer, field);

describe('X-Forwarded-For', () => {
  test.each<[TrustProxy, string | undefined, string | undefined, string | undefined]>([
    [1, '10.0.0.1', '203.0.113.7', '203.0.113.7'],
    // The client has written the first one.
    [1, '10.0.0.1', '6.6.6.6, 203.0.113.7', '203.0.113.7'],
    [2, '10.0.0.1', '6.6.6.6, 203.0.113.7, 10.0.0.2', '203.0.113.7'],
    [2, '10.0.0.1', '203.0.113.7', '203.0.113.7'],
    [0, '10.0.0.1', '203.0.113.7', '10.0.0.1'],
    [1, '10.0.0.1', undefined, '10.0.0.1'],
    [1, '10.0.0.1', '', '10.0.0.1'],
    [['10.0.0.0/8'], '10.0.0.1', '6.6.6.6, 203.0.113.7, 10.9.9.9', '203.0.113.7'],
    [['10.0.0.0/8'], '203.0.113.9', '6.6.6.6', '203.0.113.9'],
    [['10.0.0.0/8'], '10.0.0.1', '10.0.0.2,10.0.0.3', '10.0.0.2'],
    [['::1'], '::1', '2001:DB8::1', '2001:db8::1'],
    [['unix'], undefined, '203.0.113.7', '203.0.113.7'],
    [['10.0.0.0/8'], undefined, '203.0.113.7', undefined],
    [1, undefined, '203.0.113.7', '203.0.113.7'],
    // With a port, as some proxies write it.
    [1, '10.0.0.1', '203.0.113.7:1234', '203.0.113.7'],
    [1, '10.0.0.1', '[2001:db8::1]:1234', '2001:db8::1'],
    // No address: the proxy counts.
    [1, '10.0.0.1', 'unknown', '10.0.0.1'],
    [1, '10.0.0.1', '203.0.113.7, ', '10.0.0.1'],
    [2, '10.0.0.1', '6.6.6.6, <script>, 10.0.0.2', '10.0.0.2'],
    [1, '10.0.0.1', '203.0.113.7:123456', '10.0.0.1'],
    [1, '10.0.0.1', '203.0.113.7:', '10.0.0.1'],
    [1, '10.0.0.1', '[203.0.113.7]', '10.0.0.1'],
    [1, '10.0.0.1', '[::1', '10.0.0.1'],
    [1, '10.0.0.1', '[::1]x', '10.0.0.1'],
    [1, '10.0.0.1', '0177.0.0.1', '10.0.0.1'],
    [1, '10.0.0.1', '::ffff:6.6.6.6', '6.6.6.6'],
  ])('with trust in %j, from %s, as %j is %s', (trust, peer, field, expected) => {
    expect(find(trust, peer, field)).toBe(expected);
  });
});

describe('Forwarded', () => {
  test.each([
    ['for=203.0.113.7', '203.0.113.7'],
    ['For="[2001:db8::1]:4711"', '2001:db8::1'],
    ['for=203.0.113.7;proto=https;by=203.0.113.43', '203.0.113.7'],
    ['proto=https ; for = "203.0.113.7:80"', '203.0.113.7'],
    ['for=6.6.6.6, for=203.0.113.7', '203.0.113.7'],
    // A client leaves a quote open: the proxy's entry is found from the right.
    ['for="6.6.6.6, for=203.0.113.7', '203.0.113.7'],
    ['for=6.6.6.6;x=", for="[2001:db8::1]"', '2001:db8::1'],
    // A client's text in a parameter that the proxy has quoted.
    ['for=203.0.113.7;host="a\\", for=6.6.6.6;x=\\""', '203.0.113.7'],
    ['for=203.0.113.7;host="a;for=6.6.6.6;b"', '203.0.113.7'],
    ['host="a;for=6.6.6.6;b"', '10.0.0.1'],
    ['for=203.0.113.7;host="a\\\\", for=203.0.113.8', '203.0.113.8'],
    ['for=6.6.6.6, for=unknown', '10.0.0.1'],
    ['for=6.6.6.6, for=_hidden', '10.0.0.1'],
    ['for=6.6.6.6;for=7.7.7.7', '10.0.0.1'],
    ['for="6.6.6.6', '10.0.0.1'],
    ['for="', '10.0.0.1'],
    ['for="6.6.6.\\6"', '10.0.0.1'],
    ['by=6.6.6.6', '10.0.0.1'],
    ['6.6.6.6', '10.0.0.1'],
    ['', '10.0.0.1'],
  ])('%j is %s', (field, expected) => {
    expect(find({ hops: 1, header: 'forwarded' }, '10.0.0.1', field)).toBe(expected);
  });
});

test.each(['x-forwarded-for', 'forwarded'] as const)('whatever a client writes into %s, the proxy is believed', (header) => {
  const entry = header === 'forwarded' ? 'for="[2001:db8::7]"' : '2001:db8::7';
  const addresses = new ClientAddresses({ hops: 1, header });
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'for=".,;:[]12 \\%\u0000'.split('')), maxLength: 80 }), (written) => {
      expect(addresses.find('10.0.0.1', `${written}, ${entry}`)).toBe('2001:db8::7');
      expect(() => new ClientAddresses({ hops: 9, header }).find('10.0.0.1', written)).not.toThrow();
    }),
    { numRuns: 5000 },
  );
});

test('a field of 64 KiB takes no time', () => {
  const begin = performance.now();
  for (const field of [','.repeat(65_536), '"'.repeat(65_536), '1.1.1.1,'.repeat(8192), 'for="'.repeat(13_000)]) {
    for (const header of ['x-forwarded-for', 'forwarded'] as const)
      new ClientAddresses({ hops: 65_536, header }).find('::1', field);
  }
  expect(performance.now() - begin).toBeLessThan(8000);
});

test.each([[true], ['10.0.0.0/8'], [{ header: 'x-real-ip' }], [{ networks: '10.0.0.0/8' }]])(
  'trustProxy %j is a TypeError',
  (given) => {
    expect(() => new ClientAddresses(given as never)).toThrow(TypeError);
  },
);

test.each([[-1], [1.5], [NaN], [['10.0.0.0/40']], [['loopback']], [[1]]])('trustProxy %j is a RangeError', (given) => {
  expect(() => new ClientAddresses(given as never)).toThrow(RangeError);
});
