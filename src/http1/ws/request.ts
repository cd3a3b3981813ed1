// A client's request in the shape of node:http's ClientRequest, as far as ws programs use it.

import { EventEmitter } from 'node:events';
import { hangUp, type Target } from '../../handshake/opening.ts';
import { nextTick } from '../../clock.ts';
import { isFieldValue, isToken } from '../../handshake/grammar.ts';
import type { HeaderValues } from '../../handshake/headers.ts';
import type { HttpOpening } from '../opening.ts';

type HeaderValue = HeaderValues[string];
/** The members of its opening that a request uses. */
type ClientOpening = Pick<HttpOpening, 'fields' | 'headers' | 'send' | 'abort' | 'fail'>;

function coded(error: Error, code: string): Error {
  return Object.assign(error, { code });
}

/** Checks a header field. @throws {TypeError} in the words of node:http, which programs know. */
export function checkField(name: string, value: HeaderValue): void {
  if (!isToken(name)) {
    throw coded(new TypeError(`Header name must be a valid HTTP token ["${name}"]`), 'ERR_INVALID_HTTP_TOKEN');
  }
  if (value === undefined) {
    throw coded(new TypeError(`Invalid value "undefined" for header "${name}"`), 'ERR_HTTP_INVALID_HEADER_VALUE');
  }
  if (![value].flat().every((element) => isFieldValue(String(element)))) {
    throw coded(new TypeError(`Invalid character in header content ["${name}"]`), 'ERR_INVALID_CHAR');
  }
}

export class HttpRequest extends EventEmitter {
  readonly method = 'GET' as const;
  readonly protocol: string;
  readonly host: string;
  readonly path: string;
  /** Whether `end()` was called. */
  writableEnded: boolean = false;
  destroyed: boolean = false;
  readonly #opening: ClientOpening;
  /** By lower-case name: the name as it was given, and the value. */
  readonly #headers: Map<string, readonly [name: string, value: HeaderValue]> = new Map();
  #hasResponse = false;
  #error: Error | undefined;

  constructor(target: Target, opening: ClientOpening) {
    super();
    this.protocol = target.isSecure ? 'https:' : 'http:';
    this.host = target.host;
    this.path = target.path;
    this.#opening = opening;
    for (const [name, value] of Object.entries(opening.headers)) this.#headers.set(name.toLowerCase(), [name, value]);
  }

  get aborted(): boolean {
    return this.destroyed;
  }

  /** Sets a header field, until the request is sent. The handshake's own cannot be set, but for Host. @throws {Error} */
  setHeader(name: string, value: string | number | readonly string[]): this {
    this.#checkUnsent('set');
    const own = this.#ownName(name);
    if (own !== undefined && own !== 'Host') throw new Error(`The ${own} header is reserved for the handshake`);
    checkField(name, value);
    this.#headers.set(name.toLowerCase(), [name, value]);
    return this;
  }

  getHeader(name: string): HeaderValue {
    const own = this.#ownName(name);
    return this.#headers.get(name.toLowerCase())?.[1] ?? (own && this.#opening.fields[own]);
  }

  hasHeader(name: string): boolean {
    return this.getHeader(name) !== undefined;
  }

  /** All header fields, by lower-case name. */
  getHeaders(): Record<string, HeaderValue> {
    const own = Object.entries(this.#opening.fields).map(([name, value]) => [name.toLowerCase(), value]);
    const given = [...this.#headers].map(([name, [, value]]) => [name, value]);
    return Object.fromEntries([...own, ...given]) as Record<string, HeaderValue>;
  }

  getHeaderNames(): string[] {
    return Object.keys(this.getHeaders());
  }

  /** @throws {Error} once the request was sent. */
  removeHeader(name: string): void {
    this.#checkUnsent('remove');
    this.#headers.delete(name.toLowerCase());
  }

  /** Lets the request go. */
  end(): this {
    if (this.writableEnded || this.destroyed) return this;
    this.writableEnded = true;
    this.#opening.send(Object.fromEntries(this.#headers.values()));
    return this;
  }

  /**
   * Gives up: the WebSocket fails with `error`. Without one it fails as if the server had hung up, unless a response came. As in node:http,
   * that is reported later.
   */
  destroy(error?: Error): this {
    if (this.destroyed) return this;
    this.destroyed = true;
    this.#error = error;
    nextTick(() => this.settle());
    return this;
  }

  /** Reports the end that {@link destroy} has put off. @internal */
  settle(): void {
    if (!this.destroyed) return;
    if (this.#hasResponse && this.#error === undefined) this.#opening.abort();
    else this.#opening.fail(this.#error ?? hangUp());
  }

  abort(): void {
    this.destroy();
  }

  /** The program has been given a response. @internal */
  markResponse(): void {
    this.#hasResponse = true;
  }

  #checkUnsent(verb: string): void {
    if (!this.writableEnded) return;
    throw coded(new Error(`Cannot ${verb} headers after they are sent to the client`), 'ERR_HTTP_HEADERS_SENT');
  }

  #ownName(name: string): string | undefined {
    return Object.keys(this.#opening.fields).find((own) => own.toLowerCase() === name.toLowerCase());
  }
}
