// The `extension` and `subprotocol` exports.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ours, outcome, sameWithBoth, theirs } from './oracle.ts';

const EXTENSIONS = [
  'a',
  'a,b',
  'a, b',
  'a ,b',
  'a\t,\tb',
  'a;b',
  'a; b',
  'a ; b',
  'a;b=c',
  'a; b=c; d',
  'a;b="c"',
  'a; b="c", d;e=f',
  'a;b="\\c"',
  'a;b="c\\d"',
  'a;b="c\\"',
  'a;b="c',
  'a;b=""',
  'a;b="c d"',
  'a;b="c"d',
  'a;b="c" ;d',
  'a;b="\\"',
  'a;b="\\ "',
  '',
  ' ',
  ',',
  'a,',
  ',a',
  'a,,b',
  'a ',
  ' a',
  'a;',
  'a; ',
  'a;b ',
  'a;b=',
  'a;b=c ',
  'a;=c',
  'a;b =c',
  'a;b= c',
  'a b',
  'a;b c',
  'a;b=c d',
  'a=b',
  'a;b=c=d',
  'a;b;;c',
  'ж',
  'a;ж',
  'a\n',
  '"a"',
  'a;"b"',
  '__proto__',
  'a;__proto__=b',
  'constructor;toString',
  'a,a;b,a;c',
  'a;b;b=c;b=d',
  'permessage-deflate; client_max_window_bits; server_max_window_bits=10, permessage-deflate',
];

const SUBPROTOCOLS = [
  'a',
  'a,b',
  'a, b',
  'a ,b',
  'a\t, b',
  '',
  ' ',
  ',',
  'a,',
  ',a',
  ' a',
  'a ',
  'a,,b',
  'a,a',
  'a, b ,a',
  'A,a',
  'a;b',
  'a b',
  'ж',
  'a,ж',
  'a, ',
  '"a"',
  'constructor',
  '__proto__',
  'v1.chat',
  'a/b',
];

describe('extension.parse()', () => {
  test.each(EXTENSIONS)('takes or refuses %j', (header) =>
    sameWithBoth(({ extension }) => outcome(() => extension.parse(header))),
  );

  test('takes and refuses the same of any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ab,; \t="\\'), maxLength: 14 }), (header) => {
        expect(outcome(() => ours.extension.parse(header))).toEqual(outcome(() => theirs.extension.parse(header)));
      }),
      { numRuns: 5000 },
    );
  });

  test('gives objects without a prototype', () =>
    sameWithBoth(({ extension }) => {
      const offers = extension.parse('a; b=c');
      return [offers, offers['a'][0]].map((object) => Object.getPrototypeOf(object) === null);
    }));
});

describe('extension.format()', () => {
  test.each<[string, unknown]>([
    ['nothing', {}],
    ['a name', { a: [{}] }],
    ['a name without a list', { a: {} }],
    ['parameters', { a: [{ b: ['c'], d: [true] }] }],
    ['parameters without lists', { a: { b: 'c', d: true, e: 5 } }],
    ['false', { a: { b: false } }],
    ['several values', { a: { b: ['c', true, 7] } }],
    ['alternatives', { a: [{ b: true }, { c: 1 }] }],
    ['several names', { a: [{}], b: [{ c: 'd' }] }],
    ['no values', { a: { b: [] } }],
  ])('writes %s', (_, value) => sameWithBoth(({ extension }) => outcome(() => extension.format(value as never))));
});

describe('subprotocol.parse()', () => {
  test.each(SUBPROTOCOLS)('takes or refuses %j', (header) =>
    sameWithBoth(({ subprotocol }) => outcome(() => subprotocol.parse(header))),
  );

  test('takes and refuses the same of any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'abc, \t;'), maxLength: 10 }), (header) => {
        expect(outcome(() => ours.subprotocol.parse(header))).toEqual(outcome(() => theirs.subprotocol.parse(header)));
      }),
      { numRuns: 5000 },
    );
  });
});
