// The request object of JSH: a copy of the values of an IncomingMessage, which stay when the socket is gone.

import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { pathOf } from '../shared/upgrades.ts';

/** The request, as 'connection' listeners and hooks of a server get it. */
export class ServerRequest {
  /** Path and query. */
  readonly url: string;
  readonly method: string;
  /** Names in lower case. */
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, in the order of the request. */
  readonly rawHeaders: readonly string[];
  /** Path without the query. */
  readonly path: string;
  /** The Host field. */
  readonly host: string;
  /** The same as `url`. */
  readonly requestUri: string;
  /** For example `1.1`. */
  readonly httpVersion: string;
  /** Whether all of the request has arrived. */
  readonly complete: boolean;
  /** IP address of the peer; empty if it is unknown. */
  readonly remoteAddress: string;
  readonly socket: { readonly remoteAddress: string };
  readonly #query: URLSearchParams;

  /** @param request Not kept. */
  constructor(request: IncomingMessage) {
    const url = request.url ?? '';
    const remoteAddress = request.socket.remoteAddress ?? '';
    this.url = url;
    this.requestUri = url;
    this.path = pathOf(url);
    this.method = request.method ?? '';
    // No prototype, because a field may have the name of a method of objects.
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

  /** The value of a field; empty without one. Several values are joined by commas. The case of `name` does not matter. */
  getHeader(name: string): string {
    const value = this.headers[name.toLowerCase()] ?? '';
    return Array.isArray(value) ? value.join(', ') : value;
  }

  /** Whether there is a field. The case of `name` does not matter. */
  hasHeader(name: string): boolean {
    return this.headers[name.toLowerCase()] !== undefined;
  }
}
