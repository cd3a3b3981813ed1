// The parser of addresses, with node:net as its oracle.

import { BlockList, isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addressKey,
  contains,
  formatAddress,
  normalizeAddress,
  parseAddress,
  parseNetwork,
} from '../../../src/admission/address.ts';

const hostile = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc.ipV4Extended(),
  fc.string({ unit: fc.constantFrom(...'0123456789abcdefABCDEF:.%/[] \u0000xé'.split('')), maxLength: 50 }),
  fc.string(),
  // Near misses: an address with one character changed, taken out or put in.
  fc
    .tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(45), fc.constantFrom('', ':', '.', '0', 'f', 'g', '00', '::', '25'))
    .map(([text, at, put]) => text.slice(0, at) + put + text.slice(at + 1)),
);

test('an address is what node:net takes for one', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      // Zones are no part of an address that a peer may send.
      const expected = text.includes('%') ? 0 : isIP(text);
      expect(parseAddress(text) === undefined).toBe(expected === 0);
    }),
    { numRuns: 20_000 },
  );
});

test('the canonical text is a fixed point, and the same address', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
      const address = parseAddress(text)!;
      const canonical = formatAddress(address);
      expect(parseAddress(canonical)).toEqual(address);
      expect(formatAddress(parseAddress(canonical)!)).toBe(canonical);
      if (!text.includes('.') && !canonical.includes('.')) expect(`[${canonical}]`).toBe(new URL(`http://[${text}]/`).hostname);
    }),
    { numRuns: 5000 },
  );
});

test('a network contains what a BlockList blocks', () => {
  const small = fc.constantFrom('10.0.0.1', '10.0.0.200', '10.1.2.3', '192.168.1.1', '255.255.255.255', '0.0.0.0');
  const six = fc.constantFrom('::1', '2001:db8::1', '2001:db8:0:1::1', 'fe80::1', '::', 'ffff::');
  fc.assert(
    fc.property(
      fc.oneof(
        fc.tuple(
          fc.oneof(small, fc.ipV4()),
          fc.integer({ min: 0, max: 32 }),
          fc.oneof(small, fc.ipV4()),
          fc.constant('ipv4' as const),
        ),
        fc.tuple(
          fc.oneof(six, fc.ipV6()),
          fc.integer({ min: 0, max: 128 }),
          fc.oneof(six, fc.ipV6()),
          fc.constant('ipv6' as const),
        ),
      ),
      ([network, bits, address, family]) => {
        // BlockList treats IPv4-mapped addresses as IPv4 in some versions.
        fc.pre(!formatAddress(parseAddress(network)!).includes('.') === (family === 'ipv6'));
        fc.pre(!formatAddress(parseAddress(address)!).includes('.') === (family === 'ipv6'));
        const list = new BlockList();
        list.addSubnet(network, bits, family);
        expect(contains(parseNetwork(`${network}/${bits}`)!, parseAddress(address)!)).toBe(list.check(address, family));
      },
    ),
    { numRuns: 5000 },
  );
});

test.each([
  ['::ffff:1.2.3.4', '1.2.3.4'],
  ['::ffff:102:304', '1.2.3.4'],
  ['fe80::1%eth0', 'fe80::1'],
  ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
  ['0:0:0:0:0:0:0:0', '::'],
  ['/tmp/socket', undefined],
  ['', undefined],
  [undefined, undefined],
])('the address %s of a socket is %s', (text, expected) => expect(normalizeAddress(text)).toBe(expected));

describe('the key', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::', '2001:db8:1:2::/64'],
    ['2001:db8:1:3::', '2001:db8:1:3::/64'],
    [undefined, ''],
  ])('of %s is %s', (address, key) => expect(addressKey(address)).toBe(key));
});

test.each([
  '10.0.0.0/33',
  '10.0.0.0/-1',
  '10.0.0.0/',
  '10.0.0.0/1/2',
  '::/129',
  '::1/0x8',
  '10.0.0/8',
  '',
  '/8',
  '10.0.0.0/008x',
])('%s is no network', (text) => expect(parseNetwork(text)).toBe(undefined));
