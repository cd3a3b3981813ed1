// Server's side of the opening handshake, RFC 6455 section 4.2: the checks of a request, and the head that accepts it.
// Statuses, texts and the order of checks are those of ws 8; checks that ws leaves to its HTTP server come after them.

import { UsageError } from '../base/errors.ts';
import { acceptKey, isValidKey } from './accept-key.ts';
import { parseExtensions, type Extension } from './extensions.ts';
import { isHost, isToken, listContains } from './grammar.ts';
import { hasBody, headerLine, readHeader, type HeaderSource } from './headers.ts';
import { BODY, refuse, type Refusal } from './refusal.ts';
import { parseSubprotocols } from './subprotocols.ts';

/** Value of Sec-WebSocket-Version in the answer to a version that we do not speak (RFC 6455 section 4.4). */
export const SUPPORTED_VERSIONS = '13, 8';

/** 13 is RFC 6455; 8 is its late draft (hybi-08 to -12), the same on the wire after the handshake. */
export type ProtocolVersion = 8 | 13;

/** An HTTP request that asks for a WebSocket. Node.js's `IncomingMessage` is one. */
export interface HandshakeRequest {
  readonly method?: string | undefined;
  /** `major.minor`, for example `1.1`. */
  readonly httpVersion: string;
  readonly headers: HeaderSource;
  /** Names and values as they came, by turns, where they are known. */
  readonly rawHeaders?: readonly string[] | undefined;
}

/**
 * The request that a server is emitting, and the object that {@link checkRequest} reads in its place. `IncomingMessage` makes an object of all header
 * fields when it is first asked for it, which takes longer than the checks.
 */
export const emitted: { request?: unknown; quick?: HandshakeRequest | undefined } = {};

/** A request that fulfils RFC 6455 section 4.2.1. */
export interface AcceptableRequest {
  readonly accepted: true;
  /** Sec-WebSocket-Key. */
  readonly key: string;
  readonly version: ProtocolVersion;
  /** The subprotocols that the client offers, the preferred one first, without duplicates. */
  readonly protocols: readonly string[];
  /** Origin, or Sec-WebSocket-Origin with version 8. Browsers send it; other clients may lie. */
  readonly origin: string | undefined;
  /** Sec-WebSocket-Extensions as it came. */
  readonly extensionsHeader: string | undefined;
  /** The same, parsed; empty without one. */
  readonly extensions: readonly Extension[];
}

/** HTTP versions from 1.1 on (RFC 6455 section 4.2.1, step 1). */
const FROM_HTTP_11 = /^(?:1\.[1-9]|[2-9](?:\.\d)?)$/;

function parseOrUndefined<Result>(parse: (value: string) => Result, value: string): Result | undefined {
  try {
    return parse(value);
  } catch {
    return undefined;
  }
}

/** RFC 9112 section 3.2. Node.js shows only the first one, and a proxy may have decided by the last. */
function hasTwoHosts({ rawHeaders }: HandshakeRequest): boolean {
  return rawHeaders?.filter((name, at) => at % 2 === 0 && name.toLowerCase() === 'host')[1] !== undefined;
}

/**
 * Checks a request against RFC 6455 section 4.2.1. Never throws because of a peer's bytes.
 *
 * Path, origin and credentials are the caller's to judge.
 */
export function checkRequest(request: HandshakeRequest): AcceptableRequest | Refusal {
  const { headers } = request;
  const key = readHeader(headers, 'sec-websocket-key') ?? '';
  const version = readHeader(headers, 'sec-websocket-version');

  if (request.method !== 'GET') return refuse(405, 'Invalid HTTP method');
  if (!listContains(readHeader(headers, 'upgrade') ?? '', 'websocket')) return refuse(400, 'Invalid Upgrade header');
  if (!isValidKey(key)) return refuse(400, 'Missing or invalid Sec-WebSocket-Key header');
  if (version !== '13' && version !== '8') {
    return refuse(400, 'Missing or invalid Sec-WebSocket-Version header', { 'Sec-WebSocket-Version': SUPPORTED_VERSIONS });
  }
  if (!FROM_HTTP_11.test(request.httpVersion)) return refuse(400, 'HTTP/1.1 or higher is required');
  if (!listContains(readHeader(headers, 'connection') ?? '', 'upgrade')) return refuse(400, 'Invalid Connection header');
  const host = readHeader(headers, 'host');
  if (!host || !isHost(host) || hasTwoHosts(request)) return refuse(400, 'Missing or invalid Host header');
  if (hasBody(headers)) return BODY;

  const protocolsHeader = readHeader(headers, 'sec-websocket-protocol');
  const protocols = protocolsHeader === undefined ? [] : parseOrUndefined(parseSubprotocols, protocolsHeader);
  if (protocols === undefined) return refuse(400, 'Invalid Sec-WebSocket-Protocol header');

  const extensionsHeader = readHeader(headers, 'sec-websocket-extensions');
  const extensions = extensionsHeader === undefined ? [] : parseOrUndefined(parseExtensions, extensionsHeader);
  if (extensions === undefined) return refuse(400, 'Invalid or unacceptable Sec-WebSocket-Extensions header');

  const origin = readHeader(headers, version === '8' ? 'sec-websocket-origin' : 'origin');
  return { accepted: true, key, version: version === '8' ? 8 : 13, protocols, origin, extensionsHeader, extensions };
}

/** Contents of {@link acceptanceHead}. */
export interface Acceptance {
  /** Sec-WebSocket-Key of the request. */
  readonly key: string;
  /** The one subprotocol in use, of those that the client asked for. Left out, or empty: none. */
  readonly protocol?: string | undefined;
  /** Value of Sec-WebSocket-Extensions. Left out, or empty: none. */
  readonly extensions?: string | undefined;
  /** More lines, `Name: value` each. */
  readonly headers?: readonly string[] | undefined;
}

/**
 * The lines of the 101 response (RFC 6455 section 4.2.2, step 5), without CRLF; `formatHead` joins them. The array is the
 * caller's to change.
 *
 * @throws {UsageError} if the subprotocol is not a token, or a value or line could forge another line.
 */
export function acceptanceHead(acceptance: Acceptance): string[] {
  const { key, protocol, extensions, headers = [] } = acceptance;
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${acceptKey(key)}`,
  ];
  if (protocol) {
    if (!isToken(protocol)) throw new UsageError(`Invalid subprotocol: ${JSON.stringify(protocol)}`);
    lines.push(headerLine('Sec-WebSocket-Protocol', protocol));
  }
  if (extensions) lines.push(headerLine('Sec-WebSocket-Extensions', extensions));
  for (const line of headers) {
    const colon = line.indexOf(':');
    headerLine(colon === -1 ? '' : line.slice(0, colon), line);
    lines.push(line);
  }
  return lines;
}
