// The option `httpClient`: an object with a cookie jar, an undici Dispatcher, or both.

import { isPromiseLike } from '../../api/ws/hooks.ts';

/** The part of a cookie jar that is used, as that of tough-cookie. */
interface CookieJar {
  getCookieString(url: string): unknown;
  setCookie?(cookie: string, url: string): unknown;
}

function isJar(value: unknown): value is CookieJar {
  return typeof (value as Partial<CookieJar> | null | undefined)?.getCookieString === 'function';
}

/** The part of an `httpClient` that an opening uses. */
export class HttpClient {
  /** An undici Dispatcher. */
  readonly dispatcher: object | undefined;
  readonly #jar: CookieJar | undefined;
  /** The address with `http:` or `https:`, as cookie jars expect it. */
  readonly #url: string;

  /** @throws {TypeError} when `client` is neither. */
  constructor(client: unknown, href: string) {
    this.#url = href.replace(/^ws/, 'http');
    if (client === undefined || client === null) return;
    const { cookieJar, jar, cookies, dispatch } = client as Readonly<Record<string, unknown>>;
    this.#jar = [client, cookieJar, jar, cookies].find(isJar);
    if (typeof dispatch === 'function') this.dispatcher = client;
    if (this.#jar === undefined && this.dispatcher === undefined) {
      throw new TypeError('httpClient must have a cookie jar with getCookieString(url), or be a Dispatcher');
    }
  }

  /** Value of the Cookie field, empty for none. A promise if the jar returns one. */
  cookieString(): string | Promise<string> {
    const cookies = this.#jar?.getCookieString(this.#url);
    if (isPromiseLike(cookies)) return Promise.resolve(cookies).then(textOf);
    return textOf(cookies);
  }

  /** Stores the cookies of a response. Ignores cookies that the jar refuses. */
  store(cookies: readonly string[]): void {
    for (const cookie of cookies) {
      try {
        Promise.resolve(this.#jar?.setCookie?.(cookie, this.#url)).catch(() => {});
      } catch {
        // The jar has refused it.
      }
    }
  }
}

function textOf(cookies: unknown): string {
  return typeof cookies === 'string' ? cookies : '';
}

type Fields = Readonly<Record<string, string | readonly string[]>>;

/** `headers` with `cookies` added to their Cookie field. */
export function withCookies(headers: Fields, cookies: string): Fields {
  if (cookies === '') return headers;
  const name = Object.keys(headers).find((other) => other.toLowerCase() === 'cookie') ?? 'Cookie';
  const own = headers[name] ?? [];
  return { ...headers, [name]: [own, cookies].flat().join('; ') };
}
