// Redirects in a client's opening handshake: which are followed, and which header fields go along. As ws 8 and curl do it.

import { Buffer } from 'node:buffer';
import type { ClientOptions } from './options.ts';
import { DEFAULT_MAX_REDIRECTS } from '../../base/options.ts';

/** Parts of an address that matter here. `Target` of ../address.ts has them. */
export interface RedirectTarget {
  readonly href: string;
  readonly isSecure: boolean;
  readonly authority: string;
  readonly socketPath: string | undefined;
  readonly auth: string | undefined;
}

/** Options of one request. */
export interface RequestFields {
  readonly headers: Record<string, unknown>;
  /** `user:password` for Basic authentication. */
  readonly auth: string | undefined;
}

/** Header fields by name, of an object, a Map or a `Headers`. */
function fieldsOf(headers: ClientOptions['headers']): Record<string, unknown> {
  const isIterable = typeof headers === 'object' && headers !== null && Symbol.iterator in headers && !Array.isArray(headers);
  return isIterable
    ? Object.fromEntries(headers as Iterable<[string, unknown]>)
    : { ...(headers as Record<string, unknown> | undefined) };
}

/** One client's way from address to address. */
export class Redirects<Target extends RedirectTarget> {
  readonly #origin: Target;
  readonly #options: ClientOptions;
  readonly #parse: (address: string | URL) => Target;
  #headers: Record<string, unknown>;
  #count = 0;

  /**
   * @param origin The address that the program named.
   * @param parse Takes apart the addresses that follow. May throw SyntaxError.
   */
  constructor(origin: Target, options: ClientOptions, parse: (address: string | URL) => Target) {
    this.#origin = origin;
    this.#options = options;
    this.#parse = parse;
    this.#headers = fieldsOf(options.headers);
  }

  /** How many have been followed. */
  get count(): number {
    return this.#count;
  }

  /**
   * The options of the request to `target`. Credentials go neither to another host nor from TLS to plain text.
   *
   * @param isWatched Whether the program listens for redirects: then it decides by itself, and all goes along.
   */
  fieldsFor(target: Target, isWatched: boolean): RequestFields {
    const origin = this.#origin;
    let headers = { ...this.#headers };
    let auth = target.auth ?? (this.#options as { auth?: string }).auth;
    if (this.#count > 0 && !isWatched) {
      // As curl does. Credentials in the new address do not count either.
      const isSameHost =
        target.authority === origin.authority && (target.socketPath === undefined) === (origin.socketPath === undefined);
      if (!isSameHost) delete headers['host'];
      if (!isSameHost || (origin.isSecure && !target.isSecure)) {
        const { authorization: _authorization, cookie: _cookie, ...others } = headers;
        headers = others;
        auth = undefined;
      }
    }
    if (this.#options.followRedirects) this.#remember(auth);
    return { headers, auth };
  }

  /** Whether the response is a redirect that the program wants followed. */
  follows(status: number, location: string | undefined): location is string {
    return Boolean(this.#options.followRedirects) && status >= 300 && status < 400 && Boolean(location);
  }

  /**
   * Where a response of `from` leads.
   *
   * @throws {Error} when there were too many.
   * @throws {SyntaxError} when the address is not valid.
   */
  next(from: Target, location: string): Target {
    if (++this.#count > (this.#options.maxRedirects ?? DEFAULT_MAX_REDIRECTS)) {
      throw new Error('Maximum redirects exceeded');
    }
    return this.#parse(URL.canParse(location, from.href) ? new URL(location, from.href) : location);
  }

  /** Makes the headers those of the requests after a redirect: with names in lower case, and the first credentials. */
  #remember(auth: string | undefined): void {
    this.#headers = Object.fromEntries(Object.entries(this.#headers).map(([name, value]) => [name.toLowerCase(), value]));
    if (auth) this.#headers['authorization'] ??= `Basic ${Buffer.from(auth).toString('base64')}`;
  }
}
