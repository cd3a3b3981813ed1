// The request object of JSH: a helper over Node.js's IncomingMessage, whose values stay when the socket is gone.

import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { pathOf } from '../shared/upgrades.ts';

/** What `connection` listeners and the hooks of a server get. */
export class ServerRequest {
  /** Path and query, as they came. */
  readonly url: string;
  readonly method: string;
  /** Names in lower case. */
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
  /** Path without the query. */
  readonly path: string;
  /** The Host field. */
  readonly host: string;
  /** The request target as it came; the same as `url`. */
  readonly requestUri: string;
  /** For example `1.1`. */
  readonly httpVersion: string;
  /** Whether all of the request has arrived. */
  readonly complete: boolean;
  /** IP address of the peer; empty when there is none. */
  readonly remoteAddress: string;
  readonly socket: { readonly remoteAddress: string };
  readonly #query: URLSearchParams;

  /** @param request Read now; not kept. */
  constructor(request: IncomingMessage) {
    const url = request.url ?? '';
    const remoteAddress = request.socket.remoteAddress ?? '';
    this.url = url;
    this.requestUri = url;
    this.path = pathOf(url);
    this.method = request.method ?? '';
    // No prototype: a field may be called like a method of objects.
    this.headers = Object.assign(Object.create(null) as IncomingHttpHeaders, request.headers);
    this.rawHeaders = [...request.rawHeaders];
    this.host = request.headers.host ?? '';
    this.httpVersion = request.httpVersion;
    this.complete = request.complete;
    this.remoteAddress = remoteAddress;
    this.socket = { remoteAddress };
    const query = url.indexOf('?');
    this.#query = new URLSearchParams(query === -1 ? '' : url.slice(query + 1));
  }

  /** The first value of a parameter of the query; empty without one. */
  query(name: string): string {
    return this.#query.get(name) ?? '';
  }

  /** The value of a field, whatever the case of `name`; empty without one. Several values are joined by commas. */
  getHeader(name: string): string {
    const value = this.headers[name.toLowerCase()] ?? '';
    return Array.isArray(value) ? value.join(', ') : value;
  }

  /** Whether there is a field, whatever the case of `name`. */
  hasHeader(name: string): boolean {
    return this.headers[name.toLowerCase()] !== undefined;
  }
}
