// Sec-WebSocket-Protocol, RFC 6455 sections 1.9, 4.1 (step 10) and 11.3.4: unique, non-empty tokens.

import { UsageError } from '../base/errors.ts';
import { FieldReader, isToken } from './grammar.ts';

/** Longest value that is parsed, in characters. */
export const MAXIMUM_SUBPROTOCOLS_LENGTH = 16_384;

/**
 * Parses the field's value to the names in it, the most wanted first.
 *
 * @throws {SyntaxError} if it has an empty element, a name that is not a token or occurs twice (section 4.1), or is too long.
 */
export function parseSubprotocols(value: string): string[] {
  if (value.length > MAXIMUM_SUBPROTOCOLS_LENGTH) throw new SyntaxError('The list of subprotocols is too long');
  const reader = new FieldReader(value);
  const names = new Set<string>();
  let goesOn = true;
  while (goesOn) {
    if (names.size > 0) reader.skipWhitespace();
    const name = reader.readToken();
    const isPadded = reader.skipWhitespace();
    goesOn = reader.skip(',');
    if (!goesOn && (!reader.isAtEnd || isPadded)) throw reader.unexpected();
    if (names.has(name)) throw new SyntaxError(`The "${name}" subprotocol is duplicated`);
    names.add(name);
  }
  return [...names];
}

/** Whether a client may ask for these: each a token, none twice (RFC 6455 section 4.1). An empty list is fine. */
export function areValidSubprotocols(names: readonly string[]): boolean {
  return names.every((name) => typeof name === 'string' && isToken(name)) && new Set(names).size === names.length;
}

/** The field's value for a list, written as ws does. @throws {UsageError} when the list is empty or not valid. */
export function formatSubprotocols(names: readonly string[]): string {
  if (names.length === 0 || !areValidSubprotocols(names)) {
    throw new UsageError('An invalid or duplicated subprotocol was specified');
  }
  return names.join(',');
}
