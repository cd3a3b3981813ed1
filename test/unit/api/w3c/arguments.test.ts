import { describe, expect, test } from 'vitest';
import { WebSocket as UndiciWebSocket } from 'undici';
import { checkProtocols, readArguments, toHeaderRecord } from '../../../../src/api/w3c/arguments.ts';
import { thrownBy } from './bound-class.ts';

describe('readArguments', () => {
  test('client takes one protocol, a list of them, or none', () => {
    expect(readArguments('chat', undefined).protocols).toEqual(['chat']);
    expect(readArguments(['chat', 'superchat'], undefined).protocols).toEqual(['chat', 'superchat']);
    expect(readArguments(new Set(['a', 'b']), undefined).protocols).toEqual(['a', 'b']);
    expect(readArguments([], undefined).protocols).toEqual([]);
    expect(readArguments(undefined, undefined).protocols).toEqual([]);
    expect(readArguments(null, {}).protocols).toEqual([]);
    // As in browsers.
    expect(readArguments(null, undefined).protocols).toEqual(['null']);
  });

  test('client converts protocols to strings', () => {
    expect(readArguments(7, undefined).protocols).toEqual(['7']);
    expect(readArguments([null, { toString: () => 'chat' }], undefined).protocols).toEqual(['null', 'chat']);
    expect(() => readArguments([Symbol('chat')], undefined)).toThrow(TypeError);
  });

  test('client keeps the empty string, which is no protocol', () => {
    expect(readArguments('', undefined).protocols).toEqual(['']);
    expect(readArguments({ protocols: '' }, undefined).protocols).toEqual(['']);
  });

  test('client takes options in the place of protocols', () => {
    expect(readArguments({ protocols: ['chat'], maxPayload: 5 }, undefined)).toEqual({
      protocols: ['chat'],
      options: { protocols: ['chat'], maxPayload: 5 },
    });
  });

  test('client prefers what comes in the third argument, and protocols from the second', () => {
    const { protocols, options } = readArguments({ protocols: 'a', maxPayload: 5, handshakeTimeout: 6 }, { maxPayload: 7 });
    expect(protocols).toEqual(['a']);
    expect(options).toMatchObject({ maxPayload: 7, handshakeTimeout: 6 });
    expect(readArguments(['b'], { protocols: ['a'] }).protocols).toEqual(['b']);
    expect(readArguments([], { protocols: ['a'] }).protocols).toEqual([]);
    expect(readArguments(undefined, { protocols: ['a'] }).protocols).toEqual(['a']);
  });

  test.each([[5], ['chat'], [Symbol('options')], [null], [true]])(
    'client ignores a third argument that is no object: %s',
    (third) => {
      expect(readArguments(['a'], third)).toEqual({ protocols: ['a'], options: {} });
      expect(readArguments(undefined, third).protocols).toEqual([]);
    },
  );

  test('client reads own properties only', () => {
    const inherited = Object.create({ maxPayload: -1, headers: { 'X-One': '1' } }) as object;
    expect(readArguments(inherited, undefined).options).toEqual({});
    expect(readArguments(undefined, inherited).options.headers).toBeUndefined();
  });

  test('client looks up the iterator of protocols once, and takes what has none for options', () => {
    let lookups = 0;
    const list = {
      get [Symbol.iterator]() {
        lookups++;
        return () => ['a', 7][Symbol.iterator]();
      },
    };
    expect(readArguments(list, undefined).protocols).toEqual(['a', '7']);
    expect(lookups).toBe(1);
    expect(readArguments({ [Symbol.iterator]: null, protocols: 'a' }, undefined).protocols).toEqual(['a']);
    expect(() => readArguments({ [Symbol.iterator]: 5 }, undefined)).toThrow(TypeError);
    expect(readArguments(new String('ab'), undefined).protocols).toEqual(['a', 'b']);
  });

  test.each([
    ['a negative limit', { maxPayload: -1 }, RangeError],
    ['a fractional limit', { maxPayload: 1.5 }, RangeError],
    ['a negative time', { handshakeTimeout: -1 }, RangeError],
    ['a limit in a string', { maxPayload: '100' }, RangeError],
    ['a signal that is none', { signal: {} }, TypeError],
  ])('client refuses %s as options', (_name, options, error) => {
    expect(() => readArguments(undefined, options as never)).toThrow(error);
  });
});

describe('checkProtocols', () => {
  test.each([[[]], [['chat']], [['chat', 'Chat']], [["!#$%&'*+-.^_`|~09azAZ"]]])('client accepts %j', (protocols) => {
    expect(thrownBy(() => checkProtocols(protocols))).toBeUndefined();
  });

  test.each([
    [['']],
    [['chat', 'chat']],
    [['a b']],
    [['a,b']],
    [['a\r\nHost: b']],
    [['a/b']],
    [['{}']],
    [['"a"']],
    [['é']],
    [['a\0']],
    [['\u{1F600}']],
  ])('client refuses %j as undici does', (protocols) => {
    expect(thrownBy(() => checkProtocols(protocols))).toBe('SyntaxError');
    expect(thrownBy(() => new UndiciWebSocket('ws://127.0.0.1:1', protocols))).toBe('SyntaxError');
  });
});

describe('toHeaderRecord', () => {
  const plain = (headers: Parameters<typeof toHeaderRecord>[0]): object => ({ ...toHeaderRecord(headers) });

  test('client takes an object, pairs, or Headers', () => {
    expect(plain({ 'X-One': '1', Cookie: ['a=1', 'b=2'] })).toEqual({ 'X-One': '1', Cookie: ['a=1', 'b=2'] });
    const pairs: [string, string][] = [
      ['X-One', '1'],
      ['X-Two', '2'],
      ['X-One', '3'],
    ];
    expect(plain(pairs)).toEqual({ 'X-One': ['1', '3'], 'X-Two': '2' });
    expect(plain(new Headers({ Authorization: 'Bearer token' }))).toEqual({ authorization: 'Bearer token' });
    expect(plain(undefined)).toEqual({});
  });

  test('client keeps a field named __proto__ a field', () => {
    const record = toHeaderRecord([['__proto__', 'x']]);
    expect(Object.getPrototypeOf(record)).toBeNull();
    expect(Object.keys(record)).toEqual(['__proto__']);
  });

  test.each([
    ['a name with a space', { 'X One': '1' }],
    ['an empty name', { '': '1' }],
    ['a name that forges a line', { 'X\r\nY': '1' }],
    ['a value that forges a line', { X: '1\r\nY: 2' }],
    ['a value beyond Latin-1', { X: '\u010d' }],
    ['one bad value of several', { X: ['1', '\0'] }],
    ['a symbol', { X: Symbol('1') }],
  ])('client refuses %s', (_name, headers) => {
    expect(() => toHeaderRecord(headers as never)).toThrow(TypeError);
  });
});
