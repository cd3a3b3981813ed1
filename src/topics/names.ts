// Names of topics, and patterns: tokens that points separate, with the wildcards of NATS.
//
// `*` stands for one token, `>` at the end for one token or more: `news.*` matches `news.uk`, `news.>` matches `news.uk.london` as well.

import { refusal } from './protocol.ts';

/** Most UTF-16 units of a name. */
const LONGEST_NAME = 255;
/** Most tokens of a pattern: each `*` is another way through the tree of patterns, so long ones would make each message slow. */
const MOST_PATTERN_TOKENS = 16;
/** Spaces and control characters: buses end a name at them. Lone surrogates have no UTF-8. */
const FORBIDDEN = /[\s\p{Control}\p{Surrogate}]/u;

/** An error text, if it is neither a topic nor a pattern. Does not split it, which would take most of the time of a message to a pattern. */
function faultOf(name: string): string | undefined {
  if (name.length === 0 || name.length > LONGEST_NAME) return `must have 1 to ${LONGEST_NAME} characters`;
  if (FORBIDDEN.test(name)) return 'must not have spaces, control characters or lone surrogates';
  if (name.startsWith('.') || name.endsWith('.') || name.includes('..')) return 'must not have an empty token';
  return undefined;
}

function isWildcard(token: string, index: number, tokens: readonly string[]): boolean {
  return token === '*' || (token === '>' && index === tokens.length - 1);
}

/** Whether a name that {@link checkName} let through is a pattern. */
export function isPattern(name: string): boolean {
  return (name.includes('*') || name.includes('>')) && name.split('.').some(isWildcard);
}

/**
 * Checks a name: a topic or a pattern.
 *
 * @throws {TypeError} that names the fault.
 * @throws {RangeError} for a pattern of too many tokens.
 */
export function checkName(name: unknown): asserts name is string {
  if (typeof name !== 'string') throw refusal('invalid', new TypeError(`A topic must be a string: ${typeof name}`));
  const fault = faultOf(name);
  if (fault !== undefined) throw refusal('invalid', new TypeError(`A topic ${fault}: ${describe(name)}`));
  if (isPattern(name) && name.split('.').length > MOST_PATTERN_TOKENS) {
    throw refusal('limit', new RangeError(`A pattern may have at most ${MOST_PATTERN_TOKENS} tokens: ${describe(name)}`));
  }
}

/** Checks a topic, which is no pattern. @throws {TypeError} */
export function checkTopic(name: unknown): asserts name is string {
  checkName(name);
  if (isPattern(name)) throw refusal('invalid', new TypeError(`A topic is needed, not a pattern: ${describe(name)}`));
}

function describe(name: string): string {
  return JSON.stringify(name.slice(0, 80));
}
