import { expect, test } from 'vitest';
import { negotiate } from '../../../src/proxy/negotiation.ts';
import { readProxy } from '../../../src/proxy/server.ts';
import type { SocksNegotiation } from '../../../src/proxy/socks.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function begin(url: string, host: string = 'a.example', port: number = 443): SocksNegotiation {
  return negotiate(readProxy(url, {}), { host, port }) as SocksNegotiation;
}

/** What comes of bytes of the proxy, given as hexadecimal digits: our answer, `open` with the rest, or the reason of the failure. */
function take(negotiation: SocksNegotiation, digits: string): string | undefined {
  const progress = negotiation.receive(new Uint8Array(Buffer.from(digits, 'hex')));
  if (progress === undefined) return undefined;
  if ('reply' in progress) return hex(progress.reply);
  if ('rest' in progress) return `open ${hex(progress.rest)}`;
  return progress.error.message.replace(/^The proxy socks5:\/\/p:1080 /, '');
}

test.each([
  ['a name', 'a.example', '0501000309612e6578616d706c6501bb'],
  ['an IPv4 address', '192.0.2.1', '05010001c000020101bb'],
  ['an IPv6 address', '2001:db8::1', '0501000420010db800000000000000000000000101bb'],
])('asks for %s', (_what, host, request) => {
  const negotiation = begin('socks5://p', host);
  expect(hex(negotiation.greeting)).toBe('050100');
  expect(take(negotiation, '0500')).toBe(request);
  expect(take(negotiation, '05000001000000000000')).toBe('open ');
});

test('gives its credentials if they are wanted', () => {
  const negotiation = begin('socks5://ann:s3cret@p');
  expect(hex(negotiation.greeting)).toBe('05020002');
  expect(take(negotiation, '0502')).toBe('0103616e6e06733363726574');
  expect(take(negotiation, '0100')).toBe('0501000309612e6578616d706c6501bb');
});

test.each([
  ['an IPv4 address', '05000001c0000201ffff'],
  ['an IPv6 address', `05000004${'20'.repeat(16)}ffff`],
  ['a name', '0500000303616263ffff'],
  ['an empty name', '0500000300ffff'],
  ['a name of 255 bytes', `05000003ff${'61'.repeat(255)}ffff`],
])('passes over %s, and keeps what follows', (_what, reply) => {
  for (const length of [1, 3, reply.length]) {
    const negotiation = begin('socks5://p');
    take(negotiation, '0500');
    let outcome: string | undefined;
    const digits = `${reply}abcd`;
    for (let at = 0; outcome === undefined; at += 2 * length) {
      expect(at).toBeLessThan(digits.length);
      outcome = take(negotiation, digits.slice(at, at + 2 * length));
      if (outcome !== undefined) outcome += digits.slice(at + 2 * length);
    }
    expect(outcome).toBe('open abcd');
  }
});

test.each([
  ['another version', ['04'], 'does not speak SOCKS version 5'],
  ['HTTP', ['48545450'], 'does not speak SOCKS version 5'],
  ['no method', ['05ff'], 'takes none of our ways of authentication (its URL may need a user name and a password)'],
  [
    'a method that was not offered',
    ['0502'],
    'takes none of our ways of authentication (its URL may need a user name and a password)',
  ],
  ['more than it was asked for', ['050000'], 'sent more than an answer'],
  ['another version in its last answer', ['0500', '01'], 'does not speak SOCKS version 5'],
  ['a refusal', ['0500', '0505'], 'refused to connect to a.example:443: connection refused'],
  ['an unknown refusal', ['0500', '0509'], 'refused to connect to a.example:443: reply 9'],
  ['an unknown type of address', ['0500', '0500000200'], 'sent an address of an unknown type'],
])('fails at %s', (_what, answers, reason) => {
  const negotiation = begin('socks5://p');
  expect(answers.map((answer) => take(negotiation, answer)).at(-1)).toBe(reason);
});

test.each([
  ['refused', '0101', 'does not accept these credentials'],
  ['answered in another version', '0500', 'does not speak SOCKS version 5'],
])('fails if its credentials are %s', (_what, answer, reason) => {
  const negotiation = begin('socks5://a:b@p');
  take(negotiation, '0502');
  expect(take(negotiation, answer)).toBe(reason);
});

test('says so if credentials are of no use', () => {
  expect(take(begin('socks5://a:b@p'), '0501')).toBe('takes none of our ways of authentication');
});

test('waits for the rest of an answer', () => {
  const negotiation = begin('socks5://p');
  expect(take(negotiation, '')).toBeUndefined();
  expect(take(negotiation, '05')).toBeUndefined();
  expect(take(negotiation, '00')).toBeDefined();
});

test('throws for a name that SOCKS cannot carry', () => {
  expect(() => begin('socks5://p', 'a'.repeat(256))).toThrow(
    new TypeError('The host name of the URL is too long for a SOCKS proxy'),
  );
});
