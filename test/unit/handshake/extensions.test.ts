import fc from 'fast-check';
import { createRequire } from 'node:module';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../../src/base/errors.ts';
import {
  formatExtensions,
  MAXIMUM_EXTENSIONS,
  MAXIMUM_EXTENSIONS_LENGTH,
  MAXIMUM_PARAMETERS,
  parseExtensions,
  type Extension,
} from '../../../src/handshake/extensions.ts';
import { TOKEN, tokens } from './generators.ts';

const ws = createRequire(import.meta.url)('ws') as { extension: { parse(value: string): object } };

describe('parseExtensions', () => {
  test('parser keeps the order of elements and parameters', () => {
    expect(parseExtensions('foo, bar; x; y=2;x="3" ,foo;z')).toEqual([
      { name: 'foo', parameters: [] },
      { name: 'bar', parameters: [{ name: 'x' }, { name: 'y', value: '2' }, { name: 'x', value: '3' }] },
      { name: 'foo', parameters: [{ name: 'z' }] },
    ]);
  });

  test('parser takes a name like a member of Object.prototype for a name', () => {
    expect(parseExtensions('__proto__; constructor=1')).toEqual([
      { name: '__proto__', parameters: [{ name: 'constructor', value: '1' }] },
    ]);
  });

  test('parser allows whitespace around separators and empty elements, as RFC 6455 section 9.1 does', () => {
    const expected = [
      { name: 'a', parameters: [{ name: 'b', value: 'c' }] },
      { name: 'd', parameters: [] },
    ];
    for (const value of ['a;b=c,d', ' a ; b = c , d ', ',a;b=c,,d,', '\ta\t;\tb\t=\t"c"\t,\t,\td']) {
      expect(parseExtensions(value), value).toEqual(expected);
    }
  });

  test('parser refuses what is not in the grammar', () => {
    for (const value of [
      '',
      ' ',
      ',',
      ',,',
      'a;',
      'a;b=',
      'a;=b',
      'a b',
      'a;b c',
      'a;b=c d',
      'a=b',
      ';',
      'a;;b',
      'a;b==c',
      'a;b=,',
    ]) {
      expect(() => parseExtensions(value), value).toThrow(SyntaxError);
    }
    for (const value of [
      'a;b="',
      'a;b=""',
      'a;b="c',
      'a;b="c d"',
      'a;b="c,d"',
      'a;b="c"d',
      'a;b="c" "d"',
      'a;"b"',
      '"a"',
      'a;b="é"',
      'a\0',
    ]) {
      expect(() => parseExtensions(value), value).toThrow(SyntaxError);
    }
  });

  test('parser refuses more elements, parameters or characters than its limits', () => {
    const elements = (count: number): string => Array<string>(count).fill('a').join(',');
    expect(parseExtensions(elements(MAXIMUM_EXTENSIONS))).toHaveLength(MAXIMUM_EXTENSIONS);
    expect(() => parseExtensions(elements(MAXIMUM_EXTENSIONS + 1))).toThrow('Too many extensions');
    expect(parseExtensions(`a${';b'.repeat(MAXIMUM_PARAMETERS)}`)[0].parameters).toHaveLength(MAXIMUM_PARAMETERS);
    expect(() => parseExtensions(`a${';b'.repeat(MAXIMUM_PARAMETERS + 1)}`)).toThrow('Too many parameters');
    expect(parseExtensions('a'.repeat(MAXIMUM_EXTENSIONS_LENGTH))).toHaveLength(1);
    expect(() => parseExtensions('a'.repeat(MAXIMUM_EXTENSIONS_LENGTH + 1))).toThrow('too long');
  });
});

describe('formatExtensions', () => {
  test('writer joins as ws does', () => {
    const value = 'permessage-deflate; client_max_window_bits, permessage-deflate; server_max_window_bits=10';
    expect(formatExtensions(parseExtensions(value))).toBe(value);
  });

  test('writer refuses an empty list and what is no token', () => {
    const lists: readonly Extension[][] = [
      [],
      [{ name: '', parameters: [] }],
      [{ name: 'a,b', parameters: [] }],
      [{ name: 'a', parameters: [{ name: 'b\r\n' }] }],
      [{ name: 'a', parameters: [{ name: 'b', value: '' }] }],
      [{ name: 'a', parameters: [{ name: 'b', value: 'c d' }] }],
    ];
    for (const list of lists) expect(() => formatExtensions(list), JSON.stringify(list)).toThrow(UsageError);
  });
});

describe('properties', () => {
  const parameter = fc.oneof(fc.record({ name: TOKEN }), fc.record({ name: TOKEN, value: TOKEN }));
  const extensions = fc.array(fc.record({ name: TOKEN, parameters: fc.array(parameter, { maxLength: 5 }) }), {
    minLength: 1,
    maxLength: 5,
  });

  test('parser reads back what the writer wrote', () => {
    fc.assert(
      fc.property(extensions, (list) => {
        expect(parseExtensions(formatExtensions(list))).toEqual(list);
      }),
    );
  });

  test('parser agrees with ws wherever ws accepts, and accepts more only for whitespace and empty elements', () => {
    const soup = fc.string({
      unit: fc.constantFrom('a', 'b', 'c', ';', ',', '=', '"', '\\', ' ', '\t', '@', '\0'),
      maxLength: 24,
    });
    const compare = (value: string): void => {
      const theirs = attempt(() => ws.extension.parse(value));
      const ours = attempt(() => group(parseExtensions(value)));
      if (theirs === undefined && ours !== undefined) expect(value).toMatch(/[ \t]|^,|,,|,$/);
      else expect(ours).toEqual(theirs);
    };
    fc.assert(fc.property(soup, compare), { numRuns: 3000 });
    fc.assert(fc.property(tokens(';', ',', '=', '"', '; ', ', ', '\\'), compare), { numRuns: 3000 });
  });
});

function attempt(parse: () => object): object | undefined {
  try {
    return parse();
  } catch (error) {
    expect(error).toBeInstanceOf(SyntaxError);
    return undefined;
  }
}

/** The shape that ws gives: name to alternatives, each parameter name to values. */
function group(extensions: readonly Extension[]): object {
  const offers: Record<string, Record<string, (string | true)[]>[]> = Object.create(null) as never;
  for (const { name, parameters } of extensions) {
    const grouped: Record<string, (string | true)[]> = Object.create(null) as never;
    for (const parameter of parameters) (grouped[parameter.name] ??= []).push(parameter.value ?? true);
    (offers[name] ??= []).push(grouped);
  }
  return offers;
}
