// Checks of a program's options of compression, the same on every runtime. They need no zlib.

import { checkFlag, checkInteger, checkLimit, ownOptions, refuse } from '../base/options.ts';
import { bytesIn } from './messages.ts';
import { MAXIMUM_WINDOW_BITS, MINIMUM_WINDOW_BITS, type DeflateOptions } from './parameters.ts';

/** The options that are checked. */
export interface DeflateSettings extends DeflateOptions {
  readonly engine?: 'wasm' | 'zlib' | undefined;
  readonly threshold?: number | undefined;
  readonly concurrencyLimit?: number | undefined;
  readonly zlibDeflateOptions?: object | undefined;
  readonly zlibInflateOptions?: object | undefined;
}

/** Throws for a value that the option `name` cannot have. */
type Check = (name: string, value: unknown) => void;
type Checks = Readonly<Record<string, Check>>;

const integer =
  (least: number, most: number): Check =>
  (name, value) =>
    checkInteger(name, value, least, most);

/** Checks the level of a deflater: one of zlib's, of which -1 means 6. */
export const checkLevel: Check = integer(-1, 9);
export const checkWindowBits: Check = integer(MINIMUM_WINDOW_BITS, MAXIMUM_WINDOW_BITS);

export const checkDictionary: Check = (name, value) => {
  if (bytesIn(value) === null) refuse(TypeError, name, 'an ArrayBuffer or a view of one', value);
};

/** The options of node:zlib, with its limits. Some count for `engine: 'zlib'` only, or not at all, as in ws. */
const ZLIB: Checks = {
  level: checkLevel,
  memLevel: integer(1, 9),
  windowBits: checkWindowBits,
  strategy: integer(0, 4),
  flush: integer(0, 5),
  finishFlush: integer(0, 5),
  chunkSize: integer(64, 0x7fffffff),
  maxOutputLength: integer(1, Number.MAX_SAFE_INTEGER),
  dictionary: checkDictionary,
};

const checkZlib: Check = (name, value) => {
  // `false`, as in `isFast && { level: 1 }`: no options.
  if (typeof value !== 'object' && value !== false) refuse(TypeError, name, 'an object', value);
  checkAll(ZLIB, value as object, `${name}.`);
};

const OPTIONS: Checks = {
  engine: (name, value) => {
    if (value !== 'wasm' && value !== 'zlib') refuse(TypeError, name, "'wasm' or 'zlib'", value);
  },
  threshold: checkLimit,
  concurrencyLimit: checkLimit,
  maxMemoryPerConnection: checkLimit,
  serverNoContextTakeover: checkFlag,
  clientNoContextTakeover: checkFlag,
  serverMaxWindowBits: (name, value) => value === false || checkWindowBits(name, value),
  clientMaxWindowBits: (name, value) => typeof value === 'boolean' || checkWindowBits(name, value),
  zlibDeflateOptions: checkZlib,
  zlibInflateOptions: checkZlib,
};

function checkAll(checks: Checks, given: object | undefined, path: string): void {
  const options = ownOptions(given) as Readonly<Record<string, unknown>>;
  for (const name in checks) if (options[name] !== undefined) checks[name](path + name, options[name]);
}

/**
 * Checks the options of permessage-deflate when a program passes them, so that an invalid one is reported then and not when a peer compresses.
 *
 * @throws {RangeError | TypeError} that names the option, as `perMessageDeflate.zlibDeflateOptions.level`.
 */
export function checkDeflateOptions(settings: DeflateSettings | undefined): void {
  checkAll(OPTIONS, settings, 'perMessageDeflate.');
}
