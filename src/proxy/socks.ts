// SOCKS version 5: RFC 1928, with user names and passwords, RFC 1929. The proxy resolves host names.

import { parseAddress } from '../admission/address.ts';
import { ProxyError } from './error.ts';
import type { Destination, Negotiation, Progress } from './negotiation.ts';
import type { ProxyServer } from './server.ts';

const VERSION = 5;
const NO_AUTHENTICATION = 0;
const PASSWORD = 2;
const PASSWORD_VERSION = 1;
const CONNECT = 1;
const IPV4 = 1;
const NAME = 3;
const IPV6 = 4;
const LONGEST_NAME = 255;

/** RFC 1928 section 6. */
const REPLIES: readonly string[] = [
  '',
  'general failure',
  'not allowed by its rules',
  'network unreachable',
  'host unreachable',
  'connection refused',
  'TTL expired',
  'command not supported',
  'address type not supported',
];

/** The answer that is awaited. */
type Step = 'method' | 'password' | 'connection';

export class SocksNegotiation implements Negotiation {
  readonly greeting: Uint8Array;
  readonly #proxy: ProxyServer;
  readonly #destination: Destination;
  readonly #encoder = new TextEncoder();
  #step: Step = 'method';
  /** An answer that is not complete: 262 bytes at most, and one chunk. */
  #pending: Uint8Array = new Uint8Array(0);

  /** @throws {TypeError} if the host name is too long. */
  constructor(proxy: ProxyServer, destination: Destination) {
    if (destination.host.length > LONGEST_NAME) throw new TypeError('The host name of the URL is too long for a SOCKS proxy');
    this.#proxy = proxy;
    this.#destination = destination;
    const methods = proxy.credentials === undefined ? [NO_AUTHENTICATION] : [NO_AUTHENTICATION, PASSWORD];
    this.greeting = Uint8Array.of(VERSION, methods.length, ...methods);
  }

  receive(chunk: Uint8Array): Progress {
    const bytes = new Uint8Array(this.#pending.length + chunk.length);
    bytes.set(this.#pending);
    bytes.set(chunk, this.#pending.length);
    this.#pending = bytes;
    if (this.#step === 'connection') return this.#endConnection(bytes);
    const version = this.#step === 'method' ? VERSION : PASSWORD_VERSION;
    if (bytes.length > 0 && bytes[0] !== version) return this.#fail('does not speak SOCKS version 5');
    if (bytes.length < 2) return undefined;
    // Each answer waits for our next message, so no byte may follow it.
    if (bytes.length > 2) return this.#fail('sent more than an answer');
    this.#pending = new Uint8Array(0);
    return this.#step === 'method' ? this.#endMethod(bytes[1]) : this.#endPassword(bytes[1]);
  }

  #endMethod(method: number): Progress {
    const { credentials } = this.#proxy;
    if (method === NO_AUTHENTICATION) return this.#request();
    if (method !== PASSWORD || credentials === undefined) {
      const advice = credentials === undefined ? ' (its URL may need a user name and a password)' : '';
      return this.#fail(`takes none of our ways of authentication${advice}`);
    }
    this.#step = 'password';
    const [username, password] = [credentials.username, credentials.password].map((text) => this.#encoder.encode(text));
    return { reply: Uint8Array.of(PASSWORD_VERSION, username.length, ...username, password.length, ...password) };
  }

  #endPassword(status: number): Progress {
    return status === 0 ? this.#request() : this.#fail('does not accept these credentials');
  }

  #request(): Progress {
    this.#step = 'connection';
    const { host, port } = this.#destination;
    return { reply: Uint8Array.of(VERSION, CONNECT, 0, ...this.#address(host), port >> 8, port & 255) };
  }

  #address(host: string): readonly number[] {
    const groups = parseAddress(host);
    if (groups === undefined) {
      const name = this.#encoder.encode(host);
      return [NAME, name.length, ...name];
    }
    const bytes = groups.flatMap((group) => [group >> 8, group & 255]);
    return host.includes(':') ? [IPV6, ...bytes] : [IPV4, ...bytes.slice(12)];
  }

  #endConnection(bytes: Uint8Array): Progress {
    if (bytes.length > 0 && bytes[0] !== VERSION) return this.#fail('does not speak SOCKS version 5');
    if (bytes.length >= 2 && bytes[1] !== 0) {
      const reason = REPLIES[bytes[1]] ?? `reply ${bytes[1]}`;
      return this.#fail(`refused to connect to ${this.#destination.host}:${this.#destination.port}: ${reason}`);
    }
    if (bytes.length < 5) return undefined;
    const type = bytes[3];
    const addressLength = type === IPV4 ? 4 : type === IPV6 ? 16 : type === NAME ? 1 + bytes[4] : undefined;
    if (addressLength === undefined) return this.#fail('sent an address of an unknown type');
    const length = 4 + addressLength + 2;
    return bytes.length < length ? undefined : { rest: bytes.slice(length) };
  }

  #fail(reason: string): Progress {
    return { error: new ProxyError({ proxy: this.#proxy.name, reason }) };
  }
}
