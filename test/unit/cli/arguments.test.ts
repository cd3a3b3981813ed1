import { describe, expect, test } from 'vitest';
import {
  defineCommand,
  helpText,
  nearest,
  readArguments,
  readChoice,
  readDuration,
  readNumber,
  readSize,
} from '../../../src/cli/arguments.ts';

const command = defineCommand({
  operands: ['URL'],
  summary: 'Does something.',
  options: {
    header: { value: 'FIELD', short: 'H', multiple: true, help: 'a field' },
    origin: { value: 'ORIGIN', help: 'an origin' },
    quiet: { short: 'q', help: 'print less' },
  },
  run: async () => await Promise.resolve(0 as const),
});
const read = (...args: string[]): unknown => readArguments(command, args);

describe('arguments', () => {
  test('are read by the table', () => {
    expect(read('-H', 'a: 1', '--header=b: 2', 'ws://a/', '-q', '--origin', '-x')).toEqual({
      operands: ['ws://a/'],
      values: { header: ['a: 1', 'b: 2'], quiet: true, origin: '-x' },
    });
    expect(read('--', '--quiet')).toEqual({ operands: ['--quiet'], values: {} });
    expect([read('--help'), read('-h', '--no-such')]).toEqual([undefined, undefined]);
  });

  test.each([
    [['--orign', 'a', 'u'], 'Unknown option --orign. Did you mean --origin?'],
    [['--head', 'a', 'u'], 'Unknown option --head. Did you mean --header?'],
    [['--constructor', 'u'], 'Unknown option --constructor'],
    [['--__proto__', 'u'], 'Unknown option --__proto__'],
    [['-z', 'u'], 'Unknown option -z'],
    [['u', '--origin'], 'Option --origin needs a value: ORIGIN'],
    [['--origin', '--quiet', 'u'], 'Option --origin needs a value: ORIGIN'],
    [['--quiet=yes', 'u'], 'Option --quiet takes no value'],
    [['--origin', 'a', '--origin', 'b', 'u'], 'Option --origin may be given only once'],
    [[], 'URL is missing'],
    [['u', 'v'], 'Unexpected argument "v"'],
  ])('that are wrong are named: %j', (args, message) => {
    expect(() => read(...args)).toThrow(expect.objectContaining({ message, exitCode: 2 }) as Error);
  });

  test('are described by the help text', () => {
    expect(helpText('do', command).split('\n')).toEqual([
      'Usage: wasock do URL [options]',
      '',
      'Does something.',
      '',
      'Options:',
      '  -H, --header FIELD   a field (repeatable)',
      '      --origin ORIGIN  an origin',
      '  -q, --quiet          print less',
      '  -h, --help           show this text',
      '',
    ]);
  });
});

test.each([
  ['conect', 'connect'],
  ['conn', 'connect'],
  ['listne', 'listen'],
  ['xyz', undefined],
  ['c', undefined],
])('the nearest name of %s', (given, expected) => {
  expect(nearest(given, ['connect', 'listen', 'proxy'])).toBe(expected);
});

describe('values', () => {
  test('are times, sizes, numbers and words', () => {
    expect(['250ms', '10s', '1.5', '2m', '1h', '0'].map((text) => readDuration('--x', text))).toEqual([
      250, 10_000, 1500, 120_000, 3_600_000, 0,
    ]);
    expect(['100', '16k', '1M'].map((text) => readSize('--x', text))).toEqual([100, 16_384, 1_048_576]);
    expect(readNumber('--x', '0.5', { most: 1 })).toBe(0.5);
    expect(readChoice('--x', 'b', ['a', 'b'])).toBe('b');
  });

  test.each([
    () => readDuration('--x', 'soon'),
    () => readDuration('--x', '-1'),
    () => readSize('--x', '1.5k'),
    () => readNumber('--x', ''),
    () => readNumber('--x', '1.5', { isInteger: true }),
    () => readNumber('--x', '2', { most: 1 }),
    () => readChoice('--x', 'c', ['a', 'b']),
  ])('that are wrong name the option: %s', (wrong) => {
    expect(wrong).toThrow(
      expect.objectContaining({ message: expect.stringContaining('--x must be') as unknown, exitCode: 2 }) as Error,
    );
  });
});
