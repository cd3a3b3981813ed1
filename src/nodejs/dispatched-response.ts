// The response to a request through an undici Dispatcher, in the shape of node:http's IncomingMessage.

import { Buffer } from 'node:buffer';
import { STATUS_CODES } from 'node:http';
import { Readable, type Duplex } from 'node:stream';
import { immediate } from '../clock.ts';
import { isUint8Array } from '../base/realms.ts';
import { hangUp } from '../handshake/opening.ts';

/** Controls the request: pause, resume, abort. */
export interface Controller {
  readonly rawHeaders?: unknown;
  abort(reason: Error): void;
  pause(): void;
  resume(): void;
}

/** Response fields of which only the first counts, as in node:http. Other repeated fields are joined. */
const SINGLE_FIELDS: ReadonlySet<string> = new Set(
  (
    'age authorization content-length content-type etag expires from host if-modified-since if-unmodified-since last-modified ' +
    'location max-forwards proxy-authorization referer retry-after server user-agent'
  ).split(' '),
);

/** The head of a response. */
export interface ResponseHead {
  readonly status: number;
  readonly message?: string | undefined;
  /** Names and values, alternating. */
  readonly rawHeaders: readonly string[];
  /** Steers the body. */
  readonly controller?: Controller;
  /** Undefined after an upgrade, which has no body. */
  readonly socket?: Duplex;
}

/** A response, in the shape of node:http's IncomingMessage. */
export class DispatchedResponse extends Readable {
  readonly httpVersion = '1.1';
  readonly httpVersionMajor = 1;
  readonly httpVersionMinor = 1;
  readonly statusCode: number;
  readonly statusMessage: string;
  /** Names and values, alternating, as they arrived. */
  readonly rawHeaders: readonly string[];
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly socket: Duplex | undefined;
  /** Whether the body has arrived completely. */
  complete = false;
  readonly #controller: Controller | undefined;

  constructor({ status, message, rawHeaders, controller, socket }: ResponseHead) {
    super();
    this.statusCode = status;
    this.statusMessage = message || (STATUS_CODES[status] ?? '');
    this.rawHeaders = rawHeaders;
    this.headers = toHeaders(rawHeaders);
    this.#controller = controller;
    this.socket = socket;
    if (socket) this.finish();
  }

  /** The body is complete. */
  finish(): void {
    this.complete = true;
    if (!this.destroyed) this.push(null);
  }

  override _read(): void {
    this.#controller?.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    // A short body has arrived already. Let it end by itself, because undici connects again after an abort.
    immediate(() => {
      if (!this.complete) this.#controller?.abort(error ?? hangUp());
    });
    // As with node:http: an error of the body without a listener does not end the process.
    callback(this.listenerCount('error') > 0 ? error : null);
  }
}

/** Names and values, alternating, from buffers or strings, or from an object. */
export function toRawHeaders(headers: unknown): string[] {
  if (typeof headers !== 'object' || headers === null) return [];
  const flat: readonly unknown[] = Array.isArray(headers) ? headers : Object.entries(headers).flat(1);
  const raw: string[] = [];
  for (let index = 0; index + 1 < flat.length; index += 2) {
    const values: readonly unknown[] = Array.isArray(flat[index + 1]) ? (flat[index + 1] as unknown[]) : [flat[index + 1]];
    for (const value of values) raw.push(textOf(flat[index]), textOf(value));
  }
  return raw;
}

function textOf(value: unknown): string {
  return isUint8Array(value) ? Buffer.from(value).toString('latin1') : String(value);
}

/** Fields by lower-case name, as in `IncomingMessage.headers`. */
function toHeaders(rawHeaders: readonly string[]): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index].toLowerCase();
    const value = rawHeaders[index + 1];
    const known = Object.hasOwn(headers, name) ? headers[name] : undefined;
    if (name === 'set-cookie') headers[name] = [known ?? [], value].flat();
    else if (known === undefined) define(headers, name, value);
    else if (!SINGLE_FIELDS.has(name)) define(headers, name, `${known as string}${name === 'cookie' ? '; ' : ', '}${value}`);
  }
  return headers;
}

/** Sets a property, even one called `__proto__`: the name is the peer's. */
function define(headers: Record<string, string | string[]>, name: string, value: string): void {
  Object.defineProperty(headers, name, { value, enumerable: true, configurable: true, writable: true });
}
