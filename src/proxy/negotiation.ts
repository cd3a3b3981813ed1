// The dialogue with a proxy before the tunnel is open, as bytes: no sockets. A proxy is a peer that is not trusted: whatever it sends ends in
// a tunnel or a ProxyError, within 16 KiB.

import { encodeBase64 } from '../handshake/base64.ts';
import { listContains, splitList } from '../handshake/grammar.ts';
import { formatHead, headerLine } from '../handshake/headers.ts';
import { responseHeadParser, type ResponseHead } from '../handshake/http-head.ts';
import { reasonPhrase } from '../handshake/refusal.ts';
import { ProxyError } from './error.ts';
import type { ProxyServer } from './server.ts';
import { SocksNegotiation } from './socks.ts';

/** The server behind the proxy. */
export interface Destination {
  /** Host name or IP address, the latter without brackets. */
  readonly host: string;
  readonly port: number;
}

/** An answer to the proxy, the end of the dialogue, or undefined while bytes are missing. */
export type Progress =
  | { readonly reply: Uint8Array }
  /** The tunnel is open. `rest` are bytes that came behind the last answer: the receiver's to keep. */
  | { readonly rest: Uint8Array }
  | { readonly error: ProxyError }
  | undefined;

export interface Negotiation {
  /** The first bytes for the proxy. */
  readonly greeting: Uint8Array;
  /** Takes bytes of the proxy. Not called again after `rest` or `error`. @param chunk Borrowed. */
  receive(chunk: Uint8Array): Progress;
}

/** Begins the dialogue by which `proxy` connects to `destination`. */
export function negotiate(proxy: ProxyServer, destination: Destination): Negotiation {
  return proxy.isSocks ? new SocksNegotiation(proxy, destination) : new ConnectNegotiation(proxy, destination);
}

/** Each character is the byte of that number. */
function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** HTTP CONNECT, RFC 9110 section 9.3.6. */
class ConnectNegotiation implements Negotiation {
  readonly greeting: Uint8Array;
  readonly #proxy: string;
  readonly #authority: string;
  readonly #hasCredentials: boolean;
  readonly #parser = responseHeadParser();

  constructor({ name, fields, credentials }: ProxyServer, { host, port }: Destination) {
    this.#proxy = name;
    this.#authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    const lines = [`CONNECT ${this.#authority} HTTP/1.1`, headerLine('Host', this.#authority)];
    const isAuthorized = fields.some(([field]) => field.toLowerCase() === 'proxy-authorization');
    if (credentials !== undefined && !isAuthorized) {
      const { username, password } = credentials;
      lines.push(`Proxy-Authorization: Basic ${encodeBase64(new TextEncoder().encode(`${username}:${password}`))}`);
    }
    for (const [field, value] of fields) lines.push(headerLine(field, value));
    this.#hasCredentials = isAuthorized || credentials !== undefined;
    this.greeting = bytesOf(formatHead(lines));
  }

  receive(chunk: Uint8Array): Progress {
    const result = this.#parser.feed(chunk);
    if (result === undefined) return undefined;
    if (!result.accepted) return this.#fail(`sent no valid HTTP response: ${result.reason}`);
    const { head, rest } = result;
    // Any 2xx opens the tunnel. Content-Length and Transfer-Encoding mean nothing in it.
    if (head.status >= 200 && head.status < 300) return { rest };
    const phrase = reasonPhrase(head.status);
    const answer = `${head.status}${phrase && ` ${phrase}`}`;
    return this.#fail(`refused to connect to ${this.#authority}: ${answer}${this.#advice(head)}`, head.status);
  }

  #advice({ status, headers }: ResponseHead): string {
    if (status !== 407) return '';
    if (this.#hasCredentials) return ' (it does not accept these credentials)';
    const offered = splitList(headers.get('proxy-authenticate') ?? '').map((challenge) => challenge.split(' ', 1)[0]);
    if (listContains(offered.join(), 'basic'))
      return ' (its URL needs a user name and a password: http://user:password@host:port)';
    return ' (it does not take Basic authentication; set Proxy-Authorization among the headers of the proxy)';
  }

  #fail(reason: string, status?: number): Progress {
    return { error: new ProxyError({ proxy: this.#proxy, reason, status }) };
  }
}
