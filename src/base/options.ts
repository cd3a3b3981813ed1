// Reads and checks options objects. Holds the defaults.
//
// Only own, enumerable properties count, as in the `{ ...options }` of ws, and null and undefined count as left out. Properties that are
// inherited from a polluted Object.prototype, a class or another object are ignored.

/** Largest message, in bytes. */
export const DEFAULT_MAX_PAYLOAD = 104_857_600;
/** Most payload bytes that may wait for the peer. A program that checks `bufferedAmount` stays far below. */
export const DEFAULT_MAX_BUFFERED_AMOUNT = 1_073_741_824;
/** Milliseconds for the closing handshake. */
export const DEFAULT_CLOSE_TIMEOUT = 30_000;
/** Milliseconds for the opening handshake, in APIs that limit it by default. Browsers wait longer, but their user can stop them. */
export const DEFAULT_HANDSHAKE_TIMEOUT = 30_000;
/** Milliseconds for the head of a request, as the `headersTimeout` of node:http. */
export const DEFAULT_HEADERS_TIMEOUT = 60_000;
export const DEFAULT_MAX_REDIRECTS = 10;
/** Idle milliseconds before a heartbeat sends a Ping. */
export const DEFAULT_HEARTBEAT_INTERVAL = 30_000;
/** Idle milliseconds after that Ping, until the connection is dropped. */
export const DEFAULT_HEARTBEAT_TIMEOUT = 10_000;
/** Milliseconds that `shutdown` waits for the connections to close. */
export const DEFAULT_SHUTDOWN_TIMEOUT = 30_000;
/** Most bytes that may wait for a loop over `messages()`. */
export const DEFAULT_MAX_WAITING_BYTES = 67_108_864;

/** The form of the option `tls` of a server. */
export const SERVER_TLS = 'an object with "cert" and "key"';

/** Throws if a value is not allowed. */
type Check = (name: string, value: unknown) => void;

/** An error of a class. */
type ErrorClass = new (message: string) => Error;

/**
 * Throws that the option `name` must be `expected`.
 *
 * @param kind RangeError for an option that is a number, TypeError for any other.
 */
export function refuse(kind: ErrorClass, name: string, expected: string, value: unknown): never {
  const isObject = Object(value) === value;
  const kindOf = typeof value === 'function' ? 'a function' : 'an object';
  const given = isObject ? kindOf : typeof value === 'string' ? JSON.stringify(value) : String(value);
  throw new kind(`The "${name}" option must be ${expected}, not ${given}`);
}

/**
 * Checks a limit or a count, such as `maxPayload`: a whole number of 0 or more, or Infinity.
 *
 * @throws {RangeError} that names the option.
 */
export function checkLimit(name: string, value: unknown): void {
  if (value === Infinity || (Number.isSafeInteger(value) && (value as number) >= 0)) return;
  refuse(RangeError, name, 'a whole number of 0 or more', value);
}

/**
 * Checks a time, such as `closeTimeout`: a number of 0 or more, or Infinity. Timers wait for 24.8 days at most (src/clock.ts).
 *
 * @throws {RangeError} that names the option.
 */
export function checkTime(name: string, value: unknown): void {
  if (typeof value !== 'number' || !(value >= 0)) refuse(RangeError, name, 'a number of 0 or more', value);
}

/**
 * Checks a number between two others, such as the level of compression.
 *
 * @throws {RangeError} that names the option.
 */
export function checkInteger(name: string, value: unknown, least: number, most: number): void {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return;
  refuse(RangeError, name, `an integer from ${least} to ${most}`, value);
}

/**
 * Checks an option that is on or off.
 *
 * @throws {TypeError} that names the option.
 */
export function checkFlag(name: string, value: unknown): void {
  if (typeof value !== 'boolean') refuse(TypeError, name, 'true or false', value);
}

/**
 * Checks an option that is an object with members. The message does not contain the value, which may be a key or a password.
 *
 * @throws {TypeError} that names the option.
 */
export function checkObject(name: string, value: unknown, expected: string = 'an object'): asserts value is object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return;
  throw new TypeError(`The "${name}" option must be ${expected}`);
}

/** The options that are numbers. An option of one name means the same everywhere. */
const CHECKS: ReadonlyMap<string, Check> = new Map([
  ...[
    'fragmentationThreshold',
    'maxBufferedAmount',
    'maxBufferedChunks',
    'maxConnections',
    'maxConnectionsPerAddress',
    'maxFragments',
    'maxHandshakesPending',
    'maxPayload',
    'maxReceivedFrameSize',
    'maxReceivedMessageSize',
    'maxRedirects',
    'maxSize',
    'maxTotalBuffered',
  ].map((name) => [name, checkLimit] as const),
  ...['closeTimeout', 'handshakeTimeout', 'headersTimeout', 'idleTimeout', 'keepaliveGracePeriod', 'keepaliveInterval'].map(
    (name) => [name, checkTime] as const,
  ),
]);

/** Reactions to a message when more than `maxBufferedAmount` bytes wait already. */
export type BufferPolicy = 'close' | 'drop' | 'throw';

const POLICIES: readonly unknown[] = ['close', 'drop', 'throw'] satisfies BufferPolicy[];

/** Whether the program borrows messages: `'checked'` takes them away when its listeners have returned. */
export type BorrowMode = boolean | 'checked';

/** Options for which null is a value, as in ws: no set of clients, a subprotocol and a version that do not exist. */
const NULLABLE: ReadonlySet<string> = new Set(['clientTracking', 'protocols', 'protocolVersion']);

/**
 * The own, enumerable properties of `given` that are neither null nor undefined, in an object without a prototype: a default holds where
 * a program gives null. Empty for null and undefined.
 *
 * Exceptions of a getter of `given` are thrown.
 */
export function ownOptions<Options extends object>(given: Options | null | undefined): Options {
  const options = { __proto__: null, ...given } as Options;
  for (const name in options) {
    const value: unknown = options[name];
    if (value === undefined || (value === null && !NULLABLE.has(name))) delete options[name];
  }
  return options;
}

/** {@link ownOptions}, where no other library accepts anything. @throws {TypeError} for a value that is no object, such as a time or a callback. */
export function objectOptions<Options extends object>(given: Options | null | undefined): Options {
  if (typeof (given ?? {}) !== 'object') throw new TypeError(`Options must be an object, not a ${typeof given}`);
  return ownOptions(given);
}

/**
 * The options that a program gave: {@link ownOptions}, checked.
 *
 * @throws {RangeError} that names an invalid limit or time.
 * @throws {TypeError} for an unknown `bufferPolicy` or `borrowMessages`, and a `proxy` that is none.
 */
export function readOptions<Options extends object>(given: Options | null | undefined): Options {
  const options = ownOptions(given);
  for (const [name, value] of Object.entries(options)) {
    CHECKS.get(name)?.(name, value);
    if (name === 'bufferPolicy' && !POLICIES.includes(value)) {
      refuse(TypeError, name, "'close', 'drop' or 'throw'", value);
    }
    if (name === 'borrowMessages' && typeof value !== 'boolean' && value !== 'checked') {
      refuse(TypeError, name, "true, false or 'checked'", value);
    }
    // Without the value, which may have a password.
    if (name === 'proxy' && typeof (value as { connect?: unknown }).connect !== 'function') {
      throw new TypeError('The "proxy" option must come from wasock/proxy');
    }
  }
  return options;
}

/** {@link readOptions} over `defaults`. */
export function readOptionsOver<Options extends object>(defaults: object, given: Options | null | undefined): Options {
  return { __proto__: null, ...defaults, ...readOptions(given) };
}

const { hasOwnProperty } = Object.prototype;

/** `options[name]` if it is an own property and not null. For the options of each message, because a copy takes 90 ns. */
export function ownOption<Options extends object, Name extends keyof Options>(
  options: Options,
  name: Name,
): Options[Name] | undefined {
  const value = options[name];
  return value !== undefined && value !== null && hasOwnProperty.call(options, name) ? value : undefined;
}
