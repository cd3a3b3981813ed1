import { describe, expect, test } from 'vitest';
import { painter, safeLines, safeText, showSize, showTime } from '../../../src/cli/terminal.ts';

describe('text of a peer', () => {
  test.each([
    ['colours', '\u001b[31mred', String.raw`\x1b[31mred`],
    ['a title', '\u001b]0;x\u0007', String.raw`\x1b]0;x\x07`],
    ['C1 controls', '\u009b2J', String.raw`\x9b2J`],
    ['a carriage return', 'a\rb', String.raw`a\x0db`],
    ['a backspace and DEL', 'a\b\u007f', String.raw`a\x08\x7f`],
    ['reversed text', 'a\u202eb\u2066c', String.raw`a\u202eb\u2066c`],
    ['lone surrogates', 'a\ud800b\udc00', String.raw`a\ud800b\udc00`],
    ['other text', 'ä 😀\tb', 'ä 😀\tb'],
  ])('cannot steer the terminal: %s', (_, text, expected) => {
    expect(safeLines(text)).toBe(expected);
  });

  test('keeps its lines, or is one line', () => {
    expect([safeLines('a\r\nb\nc'), safeText('a\r\nb\tc')]).toEqual(['a\nb\nc', String.raw`a\nb\tc`]);
  });
});

test('colours are for terminals', () => {
  const { NO_COLOR, TERM } = process.env;
  Object.assign(process.env, { NO_COLOR: '', TERM: 'xterm' });
  expect([painter({ isTTY: true })('red', 'a'), painter({})('red', 'a')]).toEqual(['\u001b[31ma\u001b[0m', 'a']);
  process.env['NO_COLOR'] = '1';
  expect(painter({ isTTY: true })('red', 'a')).toBe('a');
  Object.assign(process.env, { NO_COLOR: NO_COLOR ?? '', TERM: TERM ?? '' });
});

test('times and sizes have a unit', () => {
  expect([0.0842, 3.1, 123.4, 1200].map(showTime)).toEqual(['84.2 µs', '3.10 ms', '123 ms', '1.20 s']);
  expect([512, 16_384, 3_145_728].map(showSize)).toEqual(['512 B', '16.0 KiB', '3.0 MiB']);
});
