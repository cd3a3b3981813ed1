// Arguments of the command line: reads them by a table of options, and writes the help text from the same table.

import { parseArgs } from 'node:util';
import { UsageError, type ExitCode } from './exit.ts';
import type { Host } from './host.ts';

/** An option of a command. */
export interface Option {
  /** Placeholder of its value in the help text; without it the option is a switch. */
  readonly value?: string;
  readonly short?: string;
  /** Whether it may be given several times. */
  readonly multiple?: boolean;
  readonly help: string;
}

/** Options by name. */
export type Options = Readonly<Record<string, Option>>;

/** The values of the options that were given, by name. */
export type Values<Table extends Options> = {
  readonly [Name in keyof Table]?:
    | (Table[Name] extends { value: string } ? (Table[Name] extends { multiple: true } ? readonly string[] : string) : true)
    | undefined;
};

/** The arguments of a command, read and checked. */
export interface Arguments<Table extends Options = Options> {
  readonly operands: readonly string[];
  readonly values: Values<Table>;
}

/** A command with its options. */
export interface Command<Table extends Options = Options> {
  /** Operands, as the help text shows them: `URL`. */
  readonly operands: readonly string[];
  readonly summary: string;
  readonly options: Table;
  /** More of the help text: examples. */
  readonly notes?: string;
  run(host: Host, args: Arguments<Table>): Promise<ExitCode>;
}

/** A command whose `run` gets the values of its own options. {@link readArguments} gives it no others. */
export function defineCommand<Table extends Options>(command: Command<Table>): Command {
  return command;
}

const HELP: Option = { short: 'h', help: 'show this text' };

/** Number of single edits that make `b` of `a` (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}

/** The name that is most like `given`: one that it begins, or one with few edits. Undefined if none is near. */
export function nearest(given: string, names: readonly string[]): string | undefined {
  const begun = given.length > 1 ? names.find((name) => name.startsWith(given)) : undefined;
  if (begun !== undefined) return begun;
  const ranked = names.map((name) => ({ name, edits: distance(given, name) })).sort((a, b) => a.edits - b.edits);
  const best = ranked.at(0);
  return best && best.edits <= Math.max(1, Math.floor(given.length / 3)) ? best.name : undefined;
}

function unknown(kind: string, given: string, prefix: string, names: readonly string[]): UsageError {
  const near = nearest(given, names);
  return new UsageError(`Unknown ${kind} ${prefix}${given}${near === undefined ? '' : `. Did you mean ${prefix}${near}?`}`);
}

export function unknownCommand(given: string, names: readonly string[]): UsageError {
  return unknown('command', given, '', names);
}

/**
 * Reads the arguments of a command.
 *
 * @returns Undefined if the help text is asked for.
 * @throws {UsageError} that names the option or operand.
 */
export function readArguments(command: Command, args: readonly string[]): Arguments | undefined {
  const table: Options = { ...command.options, help: HELP };
  const { tokens } = parseArgs({
    args: [...args],
    strict: false,
    tokens: true,
    options: Object.fromEntries(
      Object.entries(table).map(([name, { value, short, multiple }]) => [
        name,
        {
          type: value === undefined ? 'boolean' : 'string',
          multiple: multiple ?? false,
          ...(short !== undefined && { short }),
        },
      ]),
    ),
  });
  const operands: string[] = [];
  const values: Record<string, string | true | string[]> = {};
  for (const token of tokens) {
    if (token.kind === 'positional') operands.push(token.value);
    if (token.kind !== 'option') continue;
    const { name, rawName, value } = token;
    const option = Object.hasOwn(table, name) ? table[name] : undefined;
    if (option === undefined) {
      throw rawName.startsWith('--')
        ? unknown('option', name, '--', Object.keys(table))
        : new UsageError(`Unknown option ${rawName}`);
    }
    if (name === 'help') return undefined;
    values[name] = valueOf(option, token.rawName, value, values[name], table);
  }
  checkOperands(command.operands, operands);
  return { operands, values: values as unknown as Values<Options> };
}

function valueOf(
  { value: placeholder, multiple }: Option,
  name: string,
  value: string | undefined,
  before: string | true | string[] | undefined,
  table: Options,
): string | true | string[] {
  if (placeholder === undefined) {
    if (value !== undefined) throw new UsageError(`Option ${name} takes no value`);
    return true;
  }
  // `--origin --record file`: the value of the first one was forgotten.
  const isOption = value !== undefined && value.startsWith('--') && Object.hasOwn(table, value.slice(2));
  if (value === undefined || isOption) throw new UsageError(`Option ${name} needs a value: ${placeholder}`);
  if (multiple) return [...((before as string[] | undefined) ?? []), value];
  if (before !== undefined) throw new UsageError(`Option ${name} may be given only once`);
  return value;
}

function checkOperands(expected: readonly string[], given: readonly string[]): void {
  if (given.length < expected.length) throw new UsageError(`${expected[given.length]} is missing`);
  if (given.length > expected.length) throw new UsageError(`Unexpected argument ${JSON.stringify(given[expected.length])}`);
}

/** The help text of a command. */
export function helpText(name: string, { operands, summary, options, notes }: Command): string {
  const rows = Object.entries({ ...options, help: HELP }).map(([option, { value, short, multiple, help }]) => {
    const names = `${short === undefined ? '    ' : `-${short}, `}--${option}${value === undefined ? '' : ` ${value}`}`;
    return [names, multiple ? `${help} (repeatable)` : help] as const;
  });
  const width = Math.max(...rows.map(([names]) => names.length));
  return [
    `Usage: wasock ${[name, ...operands].join(' ')} [options]`,
    '',
    summary,
    '',
    'Options:',
    ...rows.map(([names, help]) => `  ${names.padEnd(width)}  ${help}`),
    ...(notes === undefined ? [] : ['', notes]),
    '',
  ].join('\n');
}

/** @throws {UsageError} */
export function readNumber(
  option: string,
  text: string,
  { least = 0, most = Infinity, isInteger = false }: { least?: number; most?: number; isInteger?: boolean } = {},
): number {
  const number = text.trim() === '' ? Number.NaN : Number(text);
  if (!(number >= least && number <= most) || (isInteger && !Number.isInteger(number))) {
    const range = most === Infinity ? `of at least ${least}` : `from ${least} to ${most}`;
    throw new UsageError(
      `${option} must be ${isInteger ? 'a whole number' : 'a number'} ${range}, not ${JSON.stringify(text)}`,
    );
  }
  return number;
}

/** Milliseconds of `250ms`, `10s`, `2m`; a plain number is seconds. @throws {UsageError} */
export function readDuration(option: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text);
  if (match === null) throw new UsageError(`${option} must be a time such as 250ms, 10s or 2m, not ${JSON.stringify(text)}`);
  const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  return Number(match[1]) * units[match[2] ?? 's'];
}

/** Bytes of `100`, `16k`, `1M`. @throws {UsageError} */
export function readSize(option: string, text: string): number {
  const match = /^(\d+)([kKmM]?)$/.exec(text);
  if (match === null)
    throw new UsageError(`${option} must be a number of bytes such as 100, 16k or 1M, not ${JSON.stringify(text)}`);
  return Number(match[1]) * (match[2] === '' ? 1 : match[2].toLowerCase() === 'k' ? 1024 : 1_048_576);
}

/** One of the words that an option takes. @throws {UsageError} */
export function readChoice<Choice extends string>(option: string, text: string, choices: readonly Choice[]): Choice {
  const choice = choices.find((each) => each === text);
  if (choice === undefined) throw new UsageError(`${option} must be ${choices.join(', ')}, not ${JSON.stringify(text)}`);
  return choice;
}
