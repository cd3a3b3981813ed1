// A proxy as a program names it: its URL and options, checked.

import { checkObject, ownOptions, refuse } from '../base/options.ts';
import { isFieldValue, isToken } from '../handshake/grammar.ts';
import { percentDecode } from '../handshake/percent-encoding.ts';

/** Options of TLS to an `https:` proxy, by Node.js's names. The runtime may take more of them. */
export interface ProxyTls {
  /** Trusted certificates, PEM, instead of the runtime's. */
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined;
  /** Certificate and key to present, PEM. */
  readonly cert?: string | Uint8Array | undefined;
  readonly key?: string | Uint8Array | undefined;
  /** Whether the proxy must have a trusted certificate. Default true. */
  readonly rejectUnauthorized?: boolean | undefined;
  /** Name that the proxy's certificate must have. Default: the host of its URL. */
  readonly servername?: string | undefined;
}

export interface ProxyOptions {
  /**
   * Header fields of the CONNECT request, such as `Proxy-Authorization` with a token. Only the proxy gets them. A SOCKS proxy takes none.
   */
  readonly headers?: Readonly<Record<string, string>> | Iterable<readonly [string, string]> | undefined;
  /** TLS to an `https:` proxy. The options of the WebSocket are for the server behind it. Not in workers. */
  readonly tls?: ProxyTls | undefined;
}

/** Schemes with their default ports. */
const PORTS: ReadonlyMap<string, number> = new Map([
  ['http:', 80],
  ['https:', 443],
  ['socks5:', 1080],
  ['socks5h:', 1080],
]);
/** Fields that CONNECT must have once, or must not have (RFC 9110 section 9.3.6). */
const OWN_FIELDS: readonly string[] = ['host', 'connection', 'upgrade', 'content-length', 'transfer-encoding', 'expect'];
const MOST_CREDENTIAL_BYTES = 255;

export interface ProxyServer {
  /** Scheme, host and port, for error messages: without credentials. */
  readonly name: string;
  readonly isSocks: boolean;
  /** TLS to the proxy. */
  readonly isSecure: boolean;
  /** Host name or IP address, the latter without brackets. */
  readonly host: string;
  readonly port: number;
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly tls: ProxyTls;
}

/**
 * Reads the URL and the options of a proxy.
 *
 * @throws {TypeError} if one of them cannot be used. The message does not contain the URL, which may have a password.
 */
export function readProxy(address: string | URL, { headers, tls }: ProxyOptions): ProxyServer {
  const url = parse(address);
  const { protocol } = url;
  const defaultPort = PORTS.get(protocol);
  if (defaultPort === undefined) {
    throw new TypeError(`The URL of a proxy must begin with http:, https:, socks5: or socks5h:, not ${protocol}`);
  }
  if (url.hostname === '') throw new TypeError('The URL of a proxy must have a host');
  if (!['', '/'].includes(url.pathname) || url.search !== '' || url.hash !== '') {
    throw new TypeError('The URL of a proxy must end after its host and port');
  }
  checkTls(tls);
  const isSocks = protocol.startsWith('socks');
  // URL reads the hosts of a few schemes only, and SOCKS is none of them: not `münchen.example`, for example.
  const { hostname } = isSocks ? parse(`http://${url.host}`) : url;
  const isSecure = protocol === 'https:';
  if (tls !== undefined && !isSecure) throw new TypeError('The "tls" option is for an https: proxy');
  const fields = readFields(headers);
  if (isSocks && fields.length > 0) throw new TypeError('The "headers" option is for an HTTP proxy, and this is a SOCKS proxy');
  const port = url.port === '' ? defaultPort : Number(url.port);
  return {
    name: `${protocol}//${hostname}:${port}`,
    isSocks,
    isSecure,
    host: hostname.startsWith('[') ? hostname.slice(1, -1) : hostname,
    port,
    credentials: readCredentials(url, isSocks),
    fields,
    // An option that is undefined would take the place of a default.
    tls: ownOptions(tls),
  };
}

/** @throws {TypeError} for options of TLS that cannot be used. */
export function checkTls(tls: ProxyTls | undefined): void {
  if (tls === undefined) return;
  checkObject('tls', tls);
  const name: unknown = tls.servername;
  // node:tls would throw when it has begun to connect, and the error of that connection would end the process.
  if (name !== undefined && name !== null && typeof name !== 'string') refuse(TypeError, 'tls.servername', 'a string', name);
}

function parse(address: string | URL): URL {
  try {
    return new URL(address);
  } catch {
    throw new TypeError('The URL of a proxy is not valid: write http://user:password@host:port');
  }
}

function readCredentials({ username, password }: URL, isSocks: boolean): ProxyServer['credentials'] {
  if (username === '' && password === '') return undefined;
  const credentials = { username: percentDecode(username), password: percentDecode(password) };
  // RFC 7617 section 2, and RFC 1929 section 2, which also wants a byte at least.
  if (!isSocks && credentials.username.includes(':')) throw new TypeError('The user name for an HTTP proxy has a colon');
  const encoder = new TextEncoder();
  const lengths = Object.values(credentials).map((text) => encoder.encode(text).length);
  if (isSocks && lengths.some((length) => length === 0 || length > MOST_CREDENTIAL_BYTES)) {
    throw new TypeError(`User name and password for a SOCKS proxy have 1 to ${MOST_CREDENTIAL_BYTES} bytes each`);
  }
  return credentials;
}

/** @throws {TypeError} for a field that cannot be sent. */
export function readFields(headers: ProxyOptions['headers']): ProxyServer['fields'] {
  if (headers === undefined || headers === null) return [];
  if (typeof headers !== 'object') refuse(TypeError, 'headers', 'an object', headers);
  const entries = Symbol.iterator in headers ? [...headers] : Object.entries(headers);
  for (const [name, value] of entries) {
    if (!isToken(name)) throw new TypeError(`Invalid name of a header field: ${JSON.stringify(name)}`);
    if (typeof value !== 'string' || !isFieldValue(value)) throw new TypeError(`Invalid value of the header field ${name}`);
    if (OWN_FIELDS.includes(name.toLowerCase())) throw new TypeError(`The header field ${name} is not for a proxy's CONNECT`);
  }
  return entries;
}
