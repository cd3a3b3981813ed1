import fc from 'fast-check';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { UsageError } from '../../../src/base/errors.ts';
import {
  areValidSubprotocols,
  formatSubprotocols,
  MAXIMUM_SUBPROTOCOLS_LENGTH,
  parseSubprotocols,
} from '../../../src/handshake/subprotocols.ts';
import { TOKEN, tokens } from './generators.ts';

const ws = createRequire(import.meta.url)('ws') as { subprotocol: { parse(value: string): Set<string> } };

test('parser keeps the order of the names', () => {
  expect(parseSubprotocols('chat')).toEqual(['chat']);
  expect(parseSubprotocols('superchat, chat ,\tv1.x')).toEqual(['superchat', 'chat', 'v1.x']);
  expect(parseSubprotocols('chat,Chat')).toEqual(['chat', 'Chat']);
});

test('parser refuses empty elements, duplicates and what is no token', () => {
  const refused: [string, string][] = [
    ['', 'Unexpected end of input'],
    [',', 'Unexpected character at index 0'],
    ['a,', 'Unexpected end of input'],
    ['a,,b', 'Unexpected character at index 2'],
    ['a b', 'Unexpected character at index 2'],
    ['a;b', 'Unexpected character at index 1'],
    ['a, b, a', 'The "a" subprotocol is duplicated'],
    ['a/b', 'Unexpected character at index 1'],
    ['a\0', 'Unexpected character at index 1'],
    ['"a"', 'Unexpected character at index 0'],
  ];
  for (const [value, message] of refused) expect(() => parseSubprotocols(value), value).toThrow(new SyntaxError(message));
  expect(() => parseSubprotocols('a'.repeat(MAXIMUM_SUBPROTOCOLS_LENGTH + 1))).toThrow(SyntaxError);
});

test('parser agrees with ws on any value, in result and message', () => {
  const outcome = (parse: () => Iterable<string>): unknown => {
    try {
      return [...parse()];
    } catch (error) {
      return (error as Error).message;
    }
  };
  const compare = (value: string): void => {
    expect(outcome(() => parseSubprotocols(value))).toEqual(outcome(() => ws.subprotocol.parse(value)));
  };
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom('a', 'b', ',', ' ', '\t', '"', '\0'), maxLength: 16 }), compare), {
    numRuns: 3000,
  });
  fc.assert(fc.property(tokens(',', ', ', ' ,', ' '), compare), { numRuns: 1000 });
});

test('parser reads back what the writer wrote', () => {
  const names = fc.uniqueArray(TOKEN, { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(names, (list) => {
      expect(parseSubprotocols(formatSubprotocols(list))).toEqual(list);
    }),
  );
});

test('client may ask for unique tokens only', () => {
  expect(areValidSubprotocols([])).toBe(true);
  expect(areValidSubprotocols(['a', 'A', 'b'])).toBe(true);
  for (const names of [[''], ['a', 'a'], ['a,b'], ['a b'], ['é'], ['a\r\n']]) {
    expect(areValidSubprotocols(names), JSON.stringify(names)).toBe(false);
    expect(() => formatSubprotocols(names)).toThrow(UsageError);
  }
  expect(areValidSubprotocols([1 as unknown as string])).toBe(false);
  expect(() => formatSubprotocols([])).toThrow(UsageError);
});
