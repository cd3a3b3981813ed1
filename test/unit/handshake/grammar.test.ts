import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  FieldReader,
  equalsIgnoringCase,
  isFieldValue,
  isHost,
  isRequestTarget,
  isToken,
  isTokenCode,
  listContains,
  splitList,
  trimWhitespace,
} from '../../../src/handshake/grammar.ts';

describe('tokens', () => {
  test('grammar knows every token character of RFC 9110 section 5.6.2 and no other', () => {
    const oracle = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]$/;
    for (let code = 0; code < 0x300; code++) {
      expect(isTokenCode(code), `code ${code}`).toBe(oracle.test(String.fromCharCode(code)));
    }
  });

  test('grammar refuses an empty token, a space, a separator and a control character', () => {
    for (const text of ['', ' ', 'a b', 'a,b', 'a;b', 'a\r\n', 'a\0', 'é', '"a"', 'a=b'])
      expect(isToken(text), text).toBe(false);
    expect(isToken('permessage-deflate')).toBe(true);
  });
});

describe('field values', () => {
  test('grammar allows tab, visible ASCII and the upper half of Latin-1 in a value', () => {
    for (let code = 0; code < 0x300; code++) {
      const isAllowed = code === 9 || (code >= 0x20 && code <= 0xff && code !== 0x7f);
      expect(isFieldValue(`a${String.fromCharCode(code)}`), `code ${code}`).toBe(isAllowed);
    }
  });

  test('grammar refuses characters that become CR or LF when cut to a byte', () => {
    expect(isFieldValue('\u010d\u010a')).toBe(false);
  });

  test('grammar trims spaces and tabs only', () => {
    expect(trimWhitespace(' \t a b\t ')).toBe('a b');
    expect(trimWhitespace('\u00a0a\u00a0')).toBe('\u00a0a\u00a0');
    expect(trimWhitespace(' \t ')).toBe('');
  });
});

describe('hosts and targets', () => {
  test('grammar knows hosts with and without port', () => {
    for (const host of ['', 'example.com', 'example.com:80', '[::1]:8080', '127.0.0.1']) expect(isHost(host), host).toBe(true);
    for (const host of ['a b', 'a/b', 'user@a', 'a?b', 'a#b', 'a\r\n', 'ä', 'a"b', 'a\\b'])
      expect(isHost(host), host).toBe(false);
  });

  test('grammar refuses a target with a fragment, a space or non-ASCII', () => {
    for (const target of ['/', '/a?b=c', '/%20', 'http://a/']) expect(isRequestTarget(target), target).toBe(true);
    for (const target of ['', '/#a', '/a b', '/ä', '/\x7f', '/\r\n']) expect(isRequestTarget(target), target).toBe(false);
  });
});

describe('comma lists', () => {
  test('grammar splits at commas, trims, and drops empty elements', () => {
    expect(splitList('a, b ,\tc,, ,d')).toEqual(['a', 'b', 'c', 'd']);
    expect(splitList('')).toEqual([]);
    expect(splitList(' , ,')).toEqual([]);
  });

  test('grammar does not split inside a quoted string', () => {
    expect(splitList('a="x,y", b')).toEqual(['a="x,y"', 'b']);
    expect(splitList('a="x\\",y", b')).toEqual(['a="x\\",y"', 'b']);
    expect(splitList('a, "open, b')).toEqual(['a', '"open, b']);
    expect(splitList('a, "open\\')).toEqual(['a', '"open\\']);
  });

  test('grammar finds an element whatever its case', () => {
    expect(listContains('keep-alive, UpGrade', 'upgrade')).toBe(true);
    expect(listContains('keep-alive, upgraded', 'upgrade')).toBe(false);
    expect(listContains('"upgrade"', 'upgrade')).toBe(false);
    expect(listContains('', 'upgrade')).toBe(false);
  });

  test('grammar folds the case of ASCII letters only', () => {
    expect(equalsIgnoringCase('WebSocket', 'websocket')).toBe(true);
    expect(equalsIgnoringCase('websoc\u212aet', 'websocket')).toBe(false);
    expect(equalsIgnoringCase('@', '`')).toBe(false);
  });

  test('grammar splits any text without throwing, and joined elements split the same', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ab,"\\ \t') }), (text) => {
        const elements = splitList(text);
        expect(elements.every((element) => element !== '' && element === trimWhitespace(element))).toBe(true);
        expect(elements.join('').length).toBeLessThanOrEqual(text.length);
        if (!text.includes('"')) expect(splitList(elements.join(','))).toEqual(elements);
      }),
    );
  });
});

describe('FieldReader', () => {
  test('reader names the index of what does not fit', () => {
    const reader = new FieldReader('ab @');
    expect(reader.readToken()).toBe('ab');
    expect(reader.skipWhitespace()).toBe(true);
    expect(reader.skipWhitespace()).toBe(false);
    expect(() => reader.readToken()).toThrow(new SyntaxError('Unexpected character at index 3'));
    expect(reader.skip('@')).toBe(true);
    expect(reader.isAtEnd).toBe(true);
    expect(reader.skip('@')).toBe(false);
    expect(() => reader.readToken()).toThrow(new SyntaxError('Unexpected end of input'));
  });

  test('reader takes a quoted token without its quotes and escapes', () => {
    expect(new FieldReader('"a\\bc"').readTokenOrQuotedToken()).toBe('abc');
    expect(new FieldReader('abc').readTokenOrQuotedToken()).toBe('abc');
  });

  test('reader refuses quoted strings that hold no token', () => {
    for (const text of ['""', '"', '"a', '"a b"', '"a\\"', '"\\""', '"é"']) {
      expect(() => new FieldReader(text).readTokenOrQuotedToken(), text).toThrow(SyntaxError);
    }
  });
});
