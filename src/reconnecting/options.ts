// Options of a ReconnectingWebSocket: types, defaults and checks.

import type { ConnectOptions, HeaderFields } from '../api/w3c/connect.ts';
import { checkConnectOptions } from '../api/w3c/arguments.ts';
import {
  checkFlag,
  checkLimit,
  checkObject,
  checkTime,
  DEFAULT_HEARTBEAT_INTERVAL,
  DEFAULT_HEARTBEAT_TIMEOUT,
  ownOptions,
  readOptions,
  refuse,
} from '../base/options.ts';
import { heartbeatSettings } from '../protocol/heartbeat.ts';
import { isAbortSignal } from '../base/realms.ts';
import type { BackoffSettings } from './backoff.ts';
import type { Message, QueuePolicy, QueueSettings } from './queue.ts';

/** A value, a promise of it, or a function that gives either. A function is called for each attempt. */
export type Source<Value> = Value | PromiseLike<Value> | (() => Value | PromiseLike<Value>);

/** Waiting times between attempts. */
export interface BackoffOptions {
  /** Longest wait before the first attempt after a connection, in milliseconds. Default 500. */
  readonly initial?: number | undefined;
  /** Longest wait, in milliseconds. Default 30,000. */
  readonly maximum?: number | undefined;
  /** The wait grows by this factor with each failure. Default 2. */
  readonly factor?: number | undefined;
  /** The part of a wait that is random, from 0 to 1. Default 1, "full jitter": clients of a server that restarts come back spread out. */
  readonly jitter?: number | undefined;
  /** Milliseconds that a connection must stay open before failures are forgotten. Default 5,000. */
  readonly resetAfter?: number | undefined;
}

/** Limits of the messages that wait for a connection. */
export interface QueueOptions {
  /** Most bytes that wait. Text counts by its UTF-16 units, and each message counts 64 bytes more. 0: no queue. Default 1 MiB. */
  readonly maximumBytes?: number | undefined;
  /** Milliseconds after which a waiting message is dropped. Default: no limit. */
  readonly maximumAge?: number | undefined;
  /** Decides which message is dropped when there is no room. Default `'drop-oldest'`. */
  readonly policy?: QueuePolicy | undefined;
}

/** Detects a server that is silent. */
export interface ReconnectingHeartbeatOptions {
  /** Idle milliseconds before the server is asked for a sign of life. Default 30,000. */
  readonly interval?: number | undefined;
  /** Milliseconds after that without a sign of life until the connection is dropped. Default 10,000. */
  readonly timeout?: number | undefined;
  /**
   * A message to which the server replies with any message. Browsers need it, because they cannot send Pings. Default: a Ping.
   */
  readonly message?: Message | (() => Message) | undefined;
}

/** The end of a connection, or of an attempt. */
export interface Ending {
  /** As in a `close` event: 1006 for an attempt that failed. */
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
  /** The reason, if the runtime reports one. Its `status` is the status code of the response by which the server refused. */
  readonly error: (Error & { readonly status?: number; readonly retryAfter?: string | undefined }) | undefined;
  /** Attempts since the last connection that stayed open for `backoff.resetAfter`, or since the start. The first attempt does not count. */
  readonly retries: number;
}

/** Options of `new ReconnectingWebSocket()`. */
export interface ReconnectingOptions extends Omit<ConnectOptions, 'borrowMessages' | 'handshakeTimeout' | 'heartbeat'> {
  /** Subprotocols to offer. */
  readonly protocols?: Source<string | Iterable<string> | undefined> | undefined;
  /** Header fields of the opening handshake. Not in browsers. */
  readonly headers?: Source<HeaderFields | undefined> | undefined;
  readonly backoff?: BackoffOptions | undefined;
  /**
   * Decides whether another attempt follows. It is called at the end of each connection and attempt, except for a close code in `finalCodes`.
   * Default: always.
   */
  readonly retry?: ((ending: Ending) => boolean) | undefined;
  /** Most attempts without a connection that stays open for `backoff.resetAfter`, the first one not counted. Default: no limit. */
  readonly maxRetries?: number | undefined;
  /** Close codes, or ranges `[first, last]` of them, after which the client does not come back. Default `[1008]`. */
  readonly finalCodes?: readonly (number | readonly [first: number, last: number])[] | undefined;
  /** Milliseconds that an attempt may take, including the functions of the program; 0 for no limit. Default 10,000. */
  readonly connectTimeout?: number | undefined;
  /** Default: none. */
  readonly heartbeat?: boolean | ReconnectingHeartbeatOptions | undefined;
  readonly queue?: QueueOptions | undefined;
  /** Ends the client, as `close()` does. */
  readonly signal?: AbortSignal | undefined;
}

/** The options in a complete form. */
export interface ReconnectingSettings {
  readonly protocols: ReconnectingOptions['protocols'];
  readonly headers: ReconnectingOptions['headers'];
  readonly backoff: BackoffSettings;
  readonly retry: (ending: Ending) => boolean;
  readonly maxRetries: number;
  readonly isFinal: (code: number) => boolean;
  readonly connectTimeout: number;
  readonly heartbeat: {
    readonly interval: number;
    readonly timeout: number;
    readonly message: Message | (() => Message);
  } | null;
  readonly queue: QueueSettings;
  readonly signal: AbortSignal | undefined;
  /** Options of each WebSocket. */
  readonly socket: ConnectOptions;
}

const BACKOFF = { initial: 500, maximum: 30_000, factor: 2, jitter: 1, resetAfter: 5_000 };
const QUEUE = { maximumBytes: 1_048_576, maximumAge: Infinity, policy: 'drop-oldest' as QueuePolicy };
const HEARTBEAT = { interval: DEFAULT_HEARTBEAT_INTERVAL, timeout: DEFAULT_HEARTBEAT_TIMEOUT };
const DEFAULT_CONNECT_TIMEOUT = 10_000;
const DEFAULT_FINAL_CODES: NonNullable<ReconnectingOptions['finalCodes']> = [1008];
const POLICIES: readonly unknown[] = ['drop-oldest', 'drop-newest', 'throw'] satisfies QueuePolicy[];

/** Options that are passed on to each WebSocket. */
const SOCKET_OPTIONS = new Set(['tls', 'dispatcher', 'proxy', 'perMessageDeflate', 'maxPayload', 'allowBlockedPorts']);
/** Our names of options that other libraries have. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  handshakeTimeout: 'connectTimeout',
  connectionTimeout: 'connectTimeout',
  minReconnectionDelay: 'backoff.initial',
  maxReconnectionDelay: 'backoff.maximum',
  reconnectionDelayGrowFactor: 'backoff.factor',
  minUptime: 'backoff.resetAfter',
  maxEnqueuedMessages: 'queue.maximumBytes',
};
const OWN_OPTIONS = new Set([
  'protocols',
  'headers',
  'backoff',
  'retry',
  'maxRetries',
  'finalCodes',
  'connectTimeout',
  'heartbeat',
  'queue',
  'signal',
]);

/** The members of the option `name` over their defaults. @throws {TypeError} for a value that is no object, and for an unknown member. */
function group<Members extends object>(name: string, given: object | undefined, defaults: Members): Members {
  if (given !== undefined) checkObject(name, given);
  const own = ownOptions(given);
  for (const member of Object.keys(own)) {
    if (!(member in defaults)) throw new TypeError(`The "${name}" option has no member "${member}"`);
  }
  return { ...defaults, ...own };
}

function readBackoff(given: BackoffOptions | undefined): BackoffSettings {
  const backoff = group('backoff', given, BACKOFF);
  for (const name of ['initial', 'maximum', 'resetAfter'] as const) checkTime(`backoff.${name}`, backoff[name]);
  const { factor, jitter } = backoff;
  if (!(typeof factor === 'number' && factor >= 1 && factor < Infinity)) {
    refuse(RangeError, 'backoff.factor', 'a number of 1 or more', factor);
  }
  if (!(typeof jitter === 'number' && jitter >= 0 && jitter <= 1)) {
    refuse(RangeError, 'backoff.jitter', 'a number from 0 to 1', jitter);
  }
  return backoff;
}

function readQueue(given: QueueOptions | undefined): QueueSettings {
  const queue = group('queue', given, QUEUE);
  checkLimit('queue.maximumBytes', queue.maximumBytes);
  checkTime('queue.maximumAge', queue.maximumAge);
  if (!POLICIES.includes(queue.policy)) {
    refuse(TypeError, 'queue.policy', "'drop-oldest', 'drop-newest' or 'throw'", queue.policy);
  }
  return queue;
}

/** A heartbeat by messages is ours, one by Pings is the socket's. */
function readHeartbeat(
  given: ReconnectingOptions['heartbeat'],
  isNative: boolean,
): { own: ReconnectingSettings['heartbeat']; socket: object } {
  if (given === undefined || given === false) return { own: null, socket: {} };
  const members = group('heartbeat', given === true ? undefined : given, { ...HEARTBEAT, message: undefined });
  heartbeatSettings(members);
  const { message, ...times } = members as typeof HEARTBEAT & { message: Message | (() => Message) | undefined };
  if (message !== undefined) return { own: { ...times, message }, socket: {} };
  if (isNative) {
    throw new TypeError('The "heartbeat" option needs a "message" here: a native WebSocket cannot send Pings');
  }
  return { own: null, socket: { heartbeat: times } };
}

function readFinalCodes(codes: unknown): (code: number) => boolean {
  if (!Array.isArray(codes)) return refuse(TypeError, 'finalCodes', 'an array of close codes', codes);
  const ranges = codes.map((entry: unknown): readonly [number, number] => {
    const [first, last] = Array.isArray(entry) ? (entry as unknown[]) : [entry, entry];
    for (const code of [first, last]) {
      if (!Number.isInteger(code) || (code as number) < 1000 || (code as number) > 4999) {
        refuse(RangeError, 'finalCodes', 'an array of close codes from 1000 to 4999, or of pairs of them', code);
      }
    }
    return [first as number, last as number];
  });
  return (code) => ranges.some(([first, last]) => code >= first && code <= last);
}

/**
 * Checks the options.
 *
 * @param isNative Whether the WebSocket class is the runtime's own, which can neither send Pings nor has options.
 * @throws {TypeError} for an unknown option, and for a value of the wrong type.
 * @throws {RangeError} for a number that is out of range.
 */
export function readReconnectingOptions(
  given: ReconnectingOptions | null | undefined,
  isNative: boolean,
): ReconnectingSettings {
  const options = readOptions<ReconnectingOptions>(given);
  const socket: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options)) {
    if (SOCKET_OPTIONS.has(name)) socket[name] = value;
    else if (!OWN_OPTIONS.has(name)) throw new TypeError(unknownOption(name));
  }
  checkConnectOptions(options);
  const { retry = () => true, maxRetries = Infinity, connectTimeout = DEFAULT_CONNECT_TIMEOUT, signal } = options;
  if (typeof retry !== 'function') refuse(TypeError, 'retry', 'a function', retry);
  checkLimit('maxRetries', maxRetries);
  checkTime('connectTimeout', connectTimeout);
  if (options.perMessageDeflate !== undefined) checkFlag('perMessageDeflate', options.perMessageDeflate);
  if (signal !== undefined && !isAbortSignal(signal)) refuse(TypeError, 'signal', 'an AbortSignal', signal);
  const heartbeat = readHeartbeat(options.heartbeat, isNative);
  return {
    protocols: ownProtocols(options.protocols),
    headers: options.headers,
    backoff: readBackoff(options.backoff),
    retry,
    maxRetries,
    isFinal: readFinalCodes(options.finalCodes ?? DEFAULT_FINAL_CODES),
    connectTimeout: connectTimeout || Infinity,
    heartbeat: heartbeat.own,
    queue: readQueue(options.queue),
    signal,
    // The time limit of an attempt is ours.
    socket: { ...socket, ...heartbeat.socket, ...(isNative ? {} : { handshakeTimeout: 0 }) },
  };
}

/** An iterable is read once, because another attempt finds an iterator at its end. */
function ownProtocols(given: ReconnectingOptions['protocols']): ReconnectingOptions['protocols'] {
  return typeof given === 'object' && Symbol.iterator in given ? [...given] : given;
}

function unknownOption(name: string): string {
  const other = Object.hasOwn(OTHER_NAMES, name) ? `: use "${OTHER_NAMES[name]}"` : '';
  return `A ReconnectingWebSocket has no "${name}" option${other}`;
}
