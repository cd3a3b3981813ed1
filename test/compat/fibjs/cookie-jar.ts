// A cookie jar with the two methods that tough-cookie's has, for tests: every cookie is everywhere's.

export class CookieJar {
  readonly cookies: string[];
  /** Addresses that cookies were asked for. */
  readonly urls: string[] = [];
  readonly #isAsync: boolean;

  constructor(isAsync: boolean, cookies: string[] = []) {
    this.#isAsync = isAsync;
    this.cookies = cookies;
  }

  getCookieString(url: string): string | Promise<string> {
    this.urls.push(url);
    const text = this.cookies.join('; ');
    return this.#isAsync ? Promise.resolve(text) : text;
  }

  setCookie(cookie: string, url: string): unknown {
    if (!URL.canParse(url)) throw new Error(`No URL: ${url}`);
    this.cookies.push(cookie.split(';')[0]);
    return this.#isAsync ? Promise.resolve() : undefined;
  }
}
