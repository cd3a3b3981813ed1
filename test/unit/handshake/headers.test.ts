import { describe, expect, test } from 'vitest';
import { UsageError } from '../../../src/base/errors.ts';
import { formatHead, headerLine, headerLines, readHeader } from '../../../src/handshake/headers.ts';

describe('readHeader', () => {
  test('reader takes a record, a function, and several values', () => {
    expect(readHeader({ upgrade: ' websocket\t' }, 'upgrade')).toBe('websocket');
    expect(readHeader({ upgrade: ['a', 'b'] }, 'upgrade')).toBe('a, b');
    expect(readHeader({}, 'upgrade')).toBeUndefined();
    const headers = new Headers({ Upgrade: 'websocket' });
    expect(readHeader((name) => headers.get(name), 'upgrade')).toBe('websocket');
    expect(readHeader((name) => headers.get(name), 'connection')).toBeUndefined();
  });
});

describe('headerLines', () => {
  test('writer makes one line a value', () => {
    expect(headerLines({ A: 'x', B: ['y', 'z'], C: undefined, D: 3 })).toEqual(['A: x', 'B: y', 'B: z', 'D: 3']);
  });

  test('writer refuses names and values that forge lines', () => {
    for (const [name, value] of [
      ['A', 'x\r\nB: y'],
      ['A', 'x\ny'],
      ['A', 'x\0'],
      ['A', '\u010d\u010a'],
      ['A\r\nB', 'x'],
      ['A ', 'x'],
      ['', 'x'],
      ['A:', 'x'],
    ]) {
      expect(() => headerLine(name, value), JSON.stringify([name, value])).toThrow(UsageError);
    }
  });
});

describe('formatHead', () => {
  test('writer joins lines by CRLF and ends with an empty line', () => {
    expect(formatHead(['HTTP/1.1 101 Switching Protocols', 'A: b', 'C:'])).toBe(
      'HTTP/1.1 101 Switching Protocols\r\nA: b\r\nC:\r\n\r\n',
    );
  });

  test('writer refuses lines that end the head or forge another line', () => {
    for (const line of ['', 'A', ': b', 'A: b\r\nC: d', 'A: b\n', 'A : b', ' A: b', 'A: \0']) {
      expect(() => formatHead(['HTTP/1.1 101 OK', line]), JSON.stringify(line)).toThrow(UsageError);
    }
    expect(() => formatHead([''])).toThrow(UsageError);
    expect(() => formatHead(['GET / HTTP/1.1\r\nA: b'])).toThrow(UsageError);
  });
});
