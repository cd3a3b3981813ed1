// The arguments of the WebSocket constructor behind the URL: WebIDL conversion, and steps 8 and 9 of
// https://websockets.spec.whatwg.org/#dom-websocket-websocket.

import { isFieldValue, isToken } from '../../handshake/grammar.ts';
import type { HeaderFields, RequestDispatcher, W3CWebSocketOptions } from './connect.ts';
import { toDomString } from './webidl.ts';

/** What may stand in the place of the second argument. */
export type ProtocolsOrOptions = string | Iterable<string> | W3CWebSocketOptions;

/** The arguments in one shape. */
export interface ConstructorArguments {
  /** Not checked yet. */
  readonly protocols: readonly string[];
  readonly options: W3CWebSocketOptions;
}

/**
 * Tells protocols from options: an object that cannot be iterated is options. Where an option is in both, the third argument's counts.
 *
 * @throws {TypeError} when an argument, or the value of an option, is of no use.
 */
export function readArguments(
  second: ProtocolsOrOptions | null | undefined,
  third: W3CWebSocketOptions | null | undefined,
): ConstructorArguments {
  let options = toOptions(third);
  let protocols: string | Iterable<string> | undefined;
  if (second !== undefined && second !== null) {
    if (typeof second !== 'object' && typeof second !== 'function') protocols = toDomString(second);
    else if (Symbol.iterator in second) protocols = second;
    else options = { ...toOptions(second), ...options };
  }
  checkNumber('maxPayload', options.maxPayload);
  checkNumber('handshakeTimeout', options.handshakeTimeout);
  if (options.signal !== undefined && !(options.signal instanceof AbortSignal))
    throw new TypeError('signal is not an AbortSignal');
  checkDispatcher(options);
  return { protocols: toList(protocols ?? options.protocols), options };
}

/**
 * Checks the subprotocols to offer.
 *
 * @throws {DOMException} SyntaxError when one is no token, or there twice.
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

/**
 * Header fields by name; a name that came more than once has a list.
 *
 * @throws {TypeError} when a name is no token, or a value has a control character.
 */
export function toHeaderRecord(headers: HeaderFields | undefined): Record<string, string | readonly string[]> {
  const record = Object.create(null) as Record<string, string | readonly string[]>;
  if (headers === undefined) return record;
  const entries = Symbol.iterator in headers ? (headers as Iterable<readonly [string, string]>) : Object.entries(headers);
  for (const [name, given] of entries) {
    const values = Array.isArray(given) ? given.map(toDomString) : [toDomString(given)];
    if (!isToken(name)) throw new TypeError(`Not the name of a header field: ${JSON.stringify(name)}`);
    if (!values.every(isFieldValue)) throw new TypeError(`Not a value for the header field ${name}`);
    const all = [record[name] ?? [], values].flat();
    record[name] = all.length === 1 ? all[0] : all;
  }
  return record;
}

function toOptions(value: W3CWebSocketOptions | null | undefined): W3CWebSocketOptions {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' && typeof value !== 'function') throw new TypeError('The options of a WebSocket are an object');
  return value;
}

/** 8. If protocols is a string, set protocols to a sequence consisting of just that string. */
function toList(protocols: string | Iterable<string> | undefined): string[] {
  if (protocols === undefined) return [];
  return typeof protocols === 'string' ? [protocols] : Array.from(protocols, toDomString);
}

function checkDispatcher({ dispatcher, tls }: W3CWebSocketOptions): void {
  if (dispatcher === undefined) return;
  if (typeof (dispatcher as Partial<RequestDispatcher> | null)?.dispatch !== 'function') {
    throw new TypeError('dispatcher is not an undici Dispatcher: it has no method dispatch()');
  }
  if (tls !== undefined) {
    throw new TypeError('The options dispatcher and tls exclude each other: the dispatcher decides how to connect');
  }
}

function checkNumber(name: string, value: number | undefined): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= 0)) return;
  throw new TypeError(`${name} is not a whole number of at least 0`);
}
