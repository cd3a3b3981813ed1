// The arguments of the WebSocket constructor behind the URL: WebIDL conversion, and steps 8 and 9 of
// https://websockets.spec.whatwg.org/#dom-websocket-websocket.

import { CLOSE_NORMAL } from '../../base/close-codes.ts';
import { isFieldValue, isToken } from '../../handshake/grammar.ts';
import type { ConnectOptions, HeaderFields, RequestDispatcher, W3CWebSocketOptions } from './connect.ts';
import { toDomString } from './webidl.ts';
import { checkFlag, checkObject, readOptions } from '../../base/options.ts';
import { isAbortSignal } from '../../base/realms.ts';

/** Values that the second argument may have. */
export type ProtocolsOrOptions = string | Iterable<string> | W3CWebSocketOptions;

/** The arguments in one shape. */
export interface ConstructorArguments {
  /** Not checked yet. */
  readonly protocols: readonly string[];
  readonly options: W3CWebSocketOptions;
}

/**
 * Converts the arguments as WebIDL does, `(DOMString or sequence<DOMString>)`, and tells protocols from options: an object that cannot be
 * iterated is options. Where an option is in both, the third argument's counts.
 *
 * @throws {TypeError} when an argument, or the value of an option, is of no use; {RangeError} for a limit or time that is none.
 */
export function readArguments(second: unknown, third: unknown): ConstructorArguments {
  const isWithOptions = isObject(third);
  let protocols: string | string[] | undefined;
  let given: object | undefined;
  if (isObject(second)) {
    protocols = readSequence(second);
    if (protocols === undefined) given = second;
  } else if (second !== undefined && !(second === null && isWithOptions)) {
    protocols = toDomString(second);
  }
  const options = readOptions<W3CWebSocketOptions>({ ...given, ...(isWithOptions ? third : undefined) });
  if (options.signal !== undefined && !isAbortSignal(options.signal)) throw new TypeError('signal is not an AbortSignal');
  checkConnectOptions(options);
  return { protocols: toList(protocols ?? options.protocols), options };
}

/**
 * Checks the subprotocols to offer.
 *
 * @throws {DOMException} SyntaxError if one is not a token, or occurs twice.
 */
export function checkProtocols(protocols: readonly string[]): void {
  // 9. If any of the values in protocols occur more than once or otherwise fail to match the requirements for elements of
  // Sec-WebSocket-Protocol (RFC 6455 section 4.1), throw a SyntaxError.
  const seen = new Set<string>();
  for (const protocol of protocols) {
    if (!isToken(protocol)) throw new DOMException(`Not a subprotocol: ${JSON.stringify(protocol)}`, 'SyntaxError');
    if (seen.has(protocol)) throw new DOMException(`Subprotocol ${protocol} is there twice`, 'SyntaxError');
    seen.add(protocol);
  }
}

/** Most bytes of a close reason (RFC 6455 section 5.5). */
const MAXIMUM_REASON = 123;

/**
 * Checks the arguments of `close()`: https://websockets.spec.whatwg.org/#validate-close-code-and-reason.
 *
 * @param length Bytes of the reason.
 * @throws {DOMException} InvalidAccessError or SyntaxError.
 */
export function checkClose(code: number | undefined, length: number): void {
  // 1. If code is not null, but is neither 1000 nor in the range 3000 to 4999, inclusive.
  if (code !== undefined && code !== CLOSE_NORMAL && !(code >= 3000 && code <= 4999)) {
    throw new DOMException('A close code is 1000 or from 3000 to 4999', 'InvalidAccessError');
  }
  // 2. If reasonBytes is longer than 123 bytes.
  if (length > MAXIMUM_REASON) throw new DOMException('A close reason has at most 123 bytes', 'SyntaxError');
}

/**
 * Header fields by name; a name that came more than once has a list.
 *
 * @throws {TypeError} if a name is not a token, or a value has a control character.
 */
export function toHeaderRecord(headers: HeaderFields | undefined): Record<string, string | readonly string[]> {
  const record = Object.create(null) as Record<string, string | readonly string[]>;
  if (headers === undefined) return record;
  const entries = Symbol.iterator in headers ? (headers as Iterable<readonly [string, string]>) : Object.entries(headers);
  for (const [name, given] of entries) {
    const values = Array.isArray(given) ? given.map(toDomString) : [toDomString(given)];
    if (!isToken(name)) throw new TypeError(`Invalid name of a header field: ${JSON.stringify(name)}`);
    if (!values.every(isFieldValue)) throw new TypeError(`Invalid value of the header field ${name}`);
    const all = [record[name] ?? [], values].flat();
    record[name] = all.length === 1 ? all[0] : all;
  }
  return record;
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

/** `sequence<DOMString>`; undefined when `value` cannot be iterated. Its iterator is looked up once. */
function readSequence(value: object): string[] | undefined {
  const method = (value as Partial<Iterable<unknown>>)[Symbol.iterator];
  if (method === undefined || method === null) return undefined;
  return Array.from({ [Symbol.iterator]: () => method.call(value as Iterable<unknown>) }, toDomString);
}

/** 8. If protocols is a string, set protocols to a sequence consisting of just that string. */
function toList(protocols: string | Iterable<string> | undefined): string[] {
  if (protocols === undefined) return [];
  return typeof protocols === 'string' ? [protocols] : Array.from(protocols, toDomString);
}

/**
 * Checks the options that say how to connect.
 *
 * @throws {TypeError} that names the option.
 */
export function checkConnectOptions({ dispatcher, tls, perMessageDeflate, allowBlockedPorts }: ConnectOptions): void {
  if (tls !== undefined) checkObject('tls', tls);
  for (const [name, value] of Object.entries({ perMessageDeflate, allowBlockedPorts })) {
    if (value !== undefined) checkFlag(name, value);
  }
  if (dispatcher === undefined) return;
  if (typeof (dispatcher as Partial<RequestDispatcher> | null)?.dispatch !== 'function') {
    throw new TypeError('dispatcher is not an undici Dispatcher: it has no method dispatch()');
  }
  if (tls !== undefined) {
    throw new TypeError('The options dispatcher and tls exclude each other: the dispatcher decides how to connect');
  }
}
