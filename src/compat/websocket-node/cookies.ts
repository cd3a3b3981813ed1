// Parses Cookie and writes Set-Cookie. RFC 6265 sections 4.1 and 5.4; the parser is as lenient as that of WebSocket-Node.

import { isTokenCode } from '../../handshake/grammar.ts';
import { firstIllegal, keepAllowed } from './text.ts';
import type { ICookie } from './types.ts';

/** A cookie of a request. `value` is null if there is no `=`. */
export interface ReceivedCookie {
  name: string;
  value: string;
}

/** Decodes percent-encoding. Leaves a value as it is if it is not well encoded, because RFC 6265 asks for no encoding. */
function decode(value: string): string {
  if (!value.includes('%')) return value;
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

function unquote(value: string): string {
  return value.startsWith('"') ? value.slice(1, value.endsWith('"') ? -1 : undefined) : value;
}

/** The cookies of a Cookie field, in order, including duplicates. */
export function parseCookies(header: string | undefined): ReceivedCookie[] {
  if (!header) return [];
  return header
    .replaceAll(',', ';')
    .split(';')
    .map((pair) => {
      const equals = pair.indexOf('=');
      if (equals === -1) return { name: pair.trim(), value: null as unknown as string };
      const value = pair.slice(equals + 1).trim();
      return { name: pair.slice(0, equals).trim(), value: decode(unquote(value)) };
    });
}

/** Whether a cookie's value may have a character (RFC 6265 section 4.1.1). Quotes around the value are checked elsewhere. */
function isValueCode(code: number): boolean {
  return code > 0x20 && code < 0x7f && code !== 0x22 && code !== 0x2c && code !== 0x3b && code !== 0x5c;
}

/** False for spaces and control characters, which are removed from names and values. */
function isVisible(code: number): boolean {
  return code > 0x20 && code !== 0x7f;
}

function isAttributeCode(code: number): boolean {
  return code >= 0x20 && code < 0x7f && code !== 0x3b;
}

/** @throws {Error} when `text` has a character that could forge another attribute. */
function checkAttribute(text: unknown, name: 'path' | 'domain'): string {
  if (typeof text !== 'string') {
    const title = name === 'path' ? 'Path' : 'Domain';
    throw new Error(`${title} must be specified and must be a string.`);
  }
  const illegal = firstIllegal(text, isAttributeCode);
  if (illegal !== undefined) throw new Error(`Illegal character ${illegal} in cookie ${name}`);
  return text;
}

function checkBoolean(value: unknown, name: string): void {
  if (typeof value !== 'boolean') throw new Error(`Value supplied for cookie "${name}" must be of type boolean`);
}

function nameAndValue(cookie: ICookie): string {
  const name = keepAllowed(cookie.name, isVisible);
  const wrong = firstIllegal(name, isTokenCode);
  if (wrong !== undefined) throw new Error(`Illegal character ${wrong} in cookie name`);
  const value = keepAllowed(`${cookie.value}`, isVisible);
  const isQuoted = value.length > 1 && value.startsWith('"') && value.endsWith('"');
  const illegal = firstIllegal(isQuoted ? value.slice(1, -1) : value, isValueCode);
  if (illegal !== undefined) throw new Error(`Illegal character ${illegal} in cookie value`);
  return `${name}=${value}`;
}

function formatCookie(cookie: ICookie): string {
  const { path, domain, expires, maxage, secure, httponly } = cookie;
  const parts = [nameAndValue(cookie)];
  if (path) parts.push(`Path=${checkAttribute(path, 'path')}`);
  if (domain) parts.push(`Domain=${checkAttribute(domain, 'domain')}`);
  if (expires) {
    if (Object.prototype.toString.call(expires) !== '[object Date]' || Number.isNaN(expires.getTime())) {
      throw new Error('Value supplied for cookie "expires" must be a vaild date object');
    }
    parts.push(`Expires=${expires.toUTCString()}`);
  }
  if (maxage) {
    const seconds = Math.round(maxage);
    if (!(seconds > 0)) throw new Error('Value supplied for cookie "maxage" must be a non-zero number');
    parts.push(`Max-Age=${seconds}`);
  }
  if (secure) {
    checkBoolean(secure, 'secure');
    parts.push('Secure');
  }
  if (httponly) {
    checkBoolean(httponly, 'httponly');
    parts.push('HttpOnly');
  }
  return parts.join(';');
}

/**
 * Values of Set-Cookie.
 *
 * @throws {Error} for a cookie that is incomplete, a duplicate, or has a character that is not allowed.
 */
export function formatCookies(cookies: unknown): string[] {
  if (!Array.isArray(cookies)) throw new Error('Value supplied for "cookies" argument must be an array.');
  const names = new Set<string>();
  return (cookies as readonly (ICookie | null | undefined)[]).map((cookie) => {
    if (!cookie?.name || !cookie.value) throw new Error('Each cookie to set must at least provide a "name" and "value"');
    const text = formatCookie(cookie);
    const name = text.slice(0, text.indexOf('='));
    if (names.has(name)) throw new Error('You may not specify the same cookie name twice.');
    names.add(name);
    return text;
  });
}
