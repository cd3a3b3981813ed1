// The `allowedOrigins` option: which web pages may connect (RFC 6455 sections 4.2.2 and 10.2; origins as in RFC 6454).

import type { IncomingMessage } from 'node:http';
import { isPromiseLike, type Answer } from './hooks.ts';

/** Decides about an origin as the client sent it. Only `true` allows, or a promise of it. */
export type OriginPredicate<Request extends IncomingMessage = IncomingMessage> = (
  origin: string,
  request: Request,
) => Answer<boolean>;

/** Origins as `scheme://host[:port]`, or `null` for pages without an origin. */
export type AllowedOrigins<Request extends IncomingMessage = IncomingMessage> = readonly string[] | OriginPredicate<Request>;

/**
 * An origin in its one form (RFC 6454 section 6.2): scheme and host in lower case, the default port left out, the host of an `http:` or
 * `https:` origin in ASCII.
 *
 * @returns undefined if the text is not an origin: a path, credentials, a list, …
 */
export function serializeOrigin(origin: string): string | undefined {
  if (origin === 'null') return origin;
  const text = origin.toLowerCase();
  const start = text.indexOf('://');
  if (start <= 0 || !URL.canParse(text)) return undefined;
  const authority = text.slice(start + 3);
  for (const character of authority) if (character <= ' ' || '/\\?#@,'.includes(character)) return undefined;
  const { protocol, host } = new URL(text);
  // Schemes that URL does not know, such as those of extensions and apps, have no default port either.
  if (protocol !== `${text.slice(0, start)}:` || authority === '' || host === '') return undefined;
  return `${protocol}//${host}`;
}

/** @throws {TypeError} for an option that can never allow anything. */
export function checkAllowedOrigins(allowed: unknown): void {
  if (allowed === undefined || allowed === null || typeof allowed === 'function') return;
  if (!Array.isArray(allowed)) throw new TypeError('The "allowedOrigins" option must be an array of origins or a function');
  for (const origin of allowed as unknown[]) {
    if (typeof origin !== 'string' || serializeOrigin(origin) === undefined) {
      throw new TypeError(
        `The "allowedOrigins" option must have origins (scheme://host[:port]), not ${JSON.stringify(origin)}`,
      );
    }
  }
}

/** Whether a client with this `origin` may connect. A client without an origin is not a web page, and may. */
export function isAllowedOrigin<Request extends IncomingMessage>(
  allowed: AllowedOrigins<Request>,
  origin: string | undefined,
  request: Request,
): Answer<boolean> {
  if (origin === undefined) return true;
  if (typeof allowed === 'function') {
    const verdict: Answer<unknown> = allowed(origin, request);
    return isPromiseLike(verdict) ? Promise.resolve(verdict).then((value) => value === true) : verdict === true;
  }
  const serialized = serializeOrigin(origin);
  return serialized !== undefined && allowed.some((one) => serializeOrigin(one) === serialized);
}
