// Header fields: read from the form that a runtime has, checked before they are written. RFC 9110 section 5.

import { UsageError } from '../base/errors.ts';
import { isFieldValue, isToken, trimWhitespace } from './grammar.ts';

/**
 * Where fields are read from: a function of a lower-case name, or an object with lower-case names as Node.js makes it. Fields
 * that came several times are one string with commas between, or an array.
 */
export type HeaderSource =
  ((name: string) => string | null | undefined) | Readonly<Record<string, string | readonly string[] | undefined>>;

/** Fields to write, by name. An array makes one line an element. */
export type HeaderValues = Readonly<Record<string, string | number | readonly string[] | undefined>>;

/** The trimmed value of the field `name` (lower-case); undefined without one. Several values are joined by commas. */
export function readHeader(headers: HeaderSource, name: string): string | undefined {
  const value = typeof headers === 'function' ? headers(name) : headers[name];
  if (value === undefined || value === null) return undefined;
  return trimWhitespace(typeof value === 'string' ? value : value.join(', '));
}

/** Whether a request has a body (RFC 9112 section 6). Bytes after an opening handshake are read as frames, so a body could smuggle frames. */
export function hasBody(headers: HeaderSource): boolean {
  return readHeader(headers, 'transfer-encoding') !== undefined || (readHeader(headers, 'content-length') ?? '0') !== '0';
}

/**
 * One line of a head, without CRLF.
 *
 * @throws {UsageError} if the name is not a token or the value has a control character, which could forge other lines.
 */
export function headerLine(name: string, value: string): string {
  if (!isToken(name)) throw new UsageError(`Invalid header name: ${JSON.stringify(name)}`);
  if (!isFieldValue(value)) throw new UsageError(`Invalid character in the value of header "${name}"`);
  return `${name}: ${value}`;
}

/** The lines of `headers`, in order. @throws {UsageError} as {@link headerLine} does. */
export function headerLines(headers: HeaderValues): string[] {
  const lines: string[] = [];
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue;
    if (typeof value === 'object') for (const element of value) lines.push(headerLine(name, element));
    else lines.push(headerLine(name, String(value)));
  }
  return lines;
}

/**
 * A head as it goes over the wire: lines joined by CRLF, with the empty line that ends it. All characters are below 0x100;
 * encode it as UTF-8.
 *
 * @param lines The start line, then field lines.
 * @throws {UsageError} when a line could end the head or forge another line.
 */
export function formatHead(lines: readonly string[]): string {
  lines.forEach((line, index) => {
    const colon = line.indexOf(':');
    const isSound = isFieldValue(line) && (index === 0 ? line !== '' : colon > 0 && isToken(line.slice(0, colon)));
    if (!isSound) throw new UsageError(`Invalid header line: ${JSON.stringify(line)}`);
  });
  return `${lines.join('\r\n')}\r\n\r\n`;
}
