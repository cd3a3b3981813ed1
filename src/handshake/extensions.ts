// Sec-WebSocket-Extensions, RFC 6455 section 9.1: the offers, and the agreement.

import { UsageError } from '../base/errors.ts';
import { FieldReader, isToken } from './grammar.ts';

/** One parameter of an extension. Without `value` it stands alone. */
export interface ExtensionParameter {
  readonly name: string;
  readonly value?: string;
}

/** One element of the list. A name may come again: each is an alternative, the earlier the more wanted. */
export interface Extension {
  readonly name: string;
  readonly parameters: readonly ExtensionParameter[];
}

/** Longest value that is parsed, in characters. */
export const MAXIMUM_EXTENSIONS_LENGTH = 16_384;
/** Most elements in a list. */
export const MAXIMUM_EXTENSIONS = 64;
/** Most parameters of an element. */
export const MAXIMUM_PARAMETERS = 64;

/**
 * Parses the field's value to an ordered list.
 *
 * As RFC 6455 section 9.1 asks, whitespace may stand around every separator and empty elements count for nothing; a quoted
 * value must hold a token and is given without quotes.
 *
 * @throws {SyntaxError} when it does not fit the grammar, has no element, or goes over a limit.
 */
export function parseExtensions(value: string): Extension[] {
  if (value.length > MAXIMUM_EXTENSIONS_LENGTH) throw new SyntaxError('The list of extensions is too long');
  const reader = new FieldReader(value);
  const extensions: Extension[] = [];
  do {
    reader.skipWhitespace();
    while (reader.skip(',')) reader.skipWhitespace();
    if (reader.isAtEnd && extensions.length > 0) break;
    if (extensions.length === MAXIMUM_EXTENSIONS) throw new SyntaxError('Too many extensions');
    extensions.push(readExtension(reader));
  } while (reader.skip(','));
  if (!reader.isAtEnd) throw reader.unexpected();
  return extensions;
}

function readExtension(reader: FieldReader): Extension {
  const name = reader.readToken();
  const parameters: ExtensionParameter[] = [];
  reader.skipWhitespace();
  while (reader.skip(';')) {
    if (parameters.length === MAXIMUM_PARAMETERS) throw new SyntaxError('Too many parameters');
    reader.skipWhitespace();
    const parameter = reader.readToken();
    reader.skipWhitespace();
    if (reader.skip('=')) {
      reader.skipWhitespace();
      parameters.push({ name: parameter, value: reader.readTokenOrQuotedToken() });
      reader.skipWhitespace();
    } else {
      parameters.push({ name: parameter });
    }
  }
  return { name, parameters };
}

/** The field's value for a list. @throws {UsageError} if the list is empty or a name or value is not a token. */
export function formatExtensions(extensions: readonly Extension[]): string {
  if (extensions.length === 0) throw new UsageError('The list of extensions is empty');
  return extensions.map(formatExtension).join(', ');
}

function formatExtension(extension: Extension): string {
  let text = checkToken(extension.name);
  for (const { name, value } of extension.parameters) {
    text += `; ${checkToken(name)}`;
    if (value !== undefined) text += `=${checkToken(value)}`;
  }
  return text;
}

function checkToken(text: string): string {
  if (!isToken(text)) throw new UsageError(`Invalid name or value of an extension: ${JSON.stringify(text)}`);
  return text;
}
