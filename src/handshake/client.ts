// Client's side of the opening handshake, RFC 6455 section 4.1: the request, and the checks of its response.
// Messages and the order of checks are those of ws 8.

import { UsageError } from '../base/errors.ts';
import { acceptKey, isValidKey, NONCE_BYTES } from './accept-key.ts';
import { encodeBase64 } from './base64.ts';
import { parseExtensions, type Extension } from './extensions.ts';
import { equalsIgnoringCase, isHost, isRequestTarget, listContains } from './grammar.ts';
import { formatHead, headerLine, headerLines, readHeader, type HeaderSource, type HeaderValues } from './headers.ts';
import { formatSubprotocols } from './subprotocols.ts';

/** Sec-WebSocket-Key for a nonce. @param nonce 16 random bytes (RFC 6455 section 4.1, step 7). Borrowed. */
export function keyOfBytes(nonce: Uint8Array): string {
  if (nonce.length !== NONCE_BYTES) throw new UsageError(`A key is made of ${NONCE_BYTES} bytes, not ${nonce.length}`);
  return encodeBase64(nonce);
}

/** The request of a client. */
export interface Handshake {
  /** Sec-WebSocket-Key, of {@link keyOfBytes}: a new one each time. */
  readonly key: string;
  /** Default 13. */
  readonly version?: 8 | 13 | undefined;
  /** Subprotocols, the most wanted first. Default none. */
  readonly protocols?: readonly string[] | undefined;
  readonly origin?: string | undefined;
  /** Value of Sec-WebSocket-Extensions. Left out, or empty: none. */
  readonly extensions?: string | undefined;
  /** Host and, unless it is the scheme's, port. Left out where the runtime writes the field itself. */
  readonly host?: string | undefined;
}

/**
 * The fields of the request (RFC 6455 section 4.1), in order.
 *
 * @throws {UsageError} when the key, version, host or a subprotocol is not valid, one comes twice, or a value has a control
 *   character.
 */
export function requestHeaders(handshake: Handshake): Record<string, string> {
  const { key, version = 13, protocols = [], origin, extensions, host } = handshake;
  if (!isValidKey(key)) throw new UsageError('The key must be the base64 of 16 bytes');
  if (version !== 13 && version !== 8) throw new UsageError(`Unsupported protocol version: ${String(version)}`);
  if (host !== undefined && (host === '' || !isHost(host))) throw new UsageError(`Invalid host: ${JSON.stringify(host)}`);
  const headers: Record<string, string> = {
    ...(host === undefined ? {} : { Host: host }),
    'Sec-WebSocket-Version': String(version),
    'Sec-WebSocket-Key': key,
    Connection: 'Upgrade',
    Upgrade: 'websocket',
  };
  if (extensions) headers['Sec-WebSocket-Extensions'] = extensions;
  if (protocols.length > 0) headers['Sec-WebSocket-Protocol'] = formatSubprotocols(protocols);
  // The drafts up to hybi-12 used another name.
  if (origin) headers[version === 8 ? 'Sec-WebSocket-Origin' : 'Origin'] = origin;
  for (const [name, value] of Object.entries(headers)) headerLine(name, value);
  return headers;
}

/** Contents of {@link formatRequestHead}. */
export interface RequestHeadInit extends Handshake {
  readonly host: string;
  /** Path and query, as in a URL: `/chat?room=1`. */
  readonly target: string;
  /** More fields. Those that the handshake sets are left out, but `Host` replaces ours. */
  readonly headers?: HeaderValues | undefined;
}

/**
 * The whole request as it goes over the wire, for runtimes where we write it ourselves. All characters are below 0x100; encode
 * it as UTF-8.
 *
 * @throws {UsageError} as {@link requestHeaders} does, and when the target or a field could forge another line.
 */
export function formatRequestHead(init: RequestHeadInit): string {
  const { target } = init;
  if (target[0] !== '/' || !isRequestTarget(target)) throw new UsageError(`Invalid request target: ${JSON.stringify(target)}`);
  const headers: Record<string, HeaderValues[string]> = requestHeaders(init);
  const own = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  for (const [name, value] of Object.entries(init.headers ?? {})) {
    const lowerCase = name.toLowerCase();
    if (lowerCase === 'host') {
      if (value === undefined) continue;
      if (typeof value !== 'string' || !isHost(value)) throw new UsageError('Invalid Host header');
      headers['Host'] = value;
    } else if (!own.has(lowerCase)) {
      headers[name] = value;
    }
  }
  return formatHead([`GET ${target} HTTP/1.1`, ...headerLines(headers)]);
}

/** An HTTP response to a handshake. */
export interface HandshakeResponse {
  readonly status: number;
  readonly headers: HeaderSource;
}

/** The values that the response is checked against. */
export interface ExpectedResponse {
  /** Sec-WebSocket-Key of the request. */
  readonly key: string;
  /** Subprotocols of the request. */
  readonly protocols?: readonly string[] | undefined;
  /** Extensions of the request; `true` for permessage-deflate alone. Default none. */
  readonly offeredExtensions?: boolean | readonly Extension[] | undefined;
}

/** The WebSocket is open. */
export interface Opened {
  readonly accepted: true;
  /** Subprotocol in use; empty without one. */
  readonly protocol: string;
  /** Sec-WebSocket-Extensions as it came. */
  readonly extensionsHeader: string | undefined;
  /** The same, parsed: each was offered, none comes twice. Whether the parameters answer the offer is for the extension to say. */
  readonly extensions: readonly Extension[];
}

/** The WebSocket did not open. */
export interface Failure {
  readonly accepted: false;
  readonly message: string;
  /** HTTP status, when it was not 101. */
  readonly status?: number;
}

/** Checks a response against RFC 6455 section 4.1. Never throws because of a peer's bytes. */
export function checkResponse(response: HandshakeResponse, expected: ExpectedResponse): Opened | Failure {
  const { status, headers } = response;
  if (status !== 101) return { accepted: false, message: `Unexpected server response: ${status}`, status };
  if (!equalsIgnoringCase(readHeader(headers, 'upgrade') ?? '', 'websocket')) return fail('Invalid Upgrade header');
  if (readHeader(headers, 'sec-websocket-accept') !== acceptKey(expected.key))
    return fail('Invalid Sec-WebSocket-Accept header');

  const protocol = readHeader(headers, 'sec-websocket-protocol');
  const { protocols = [], offeredExtensions = false } = expected;
  if (protocol === undefined && protocols.length > 0) return fail('Server sent no subprotocol');
  if (protocol !== undefined && protocols.length === 0) return fail('Server sent a subprotocol but none was requested');
  if (protocol !== undefined && !protocols.includes(protocol)) return fail('Server sent an invalid subprotocol');

  const extensionsHeader = readHeader(headers, 'sec-websocket-extensions');
  const extensions = checkExtensions(extensionsHeader, offeredExtensions);
  if (typeof extensions === 'string') return fail(extensions);
  // ws does not check it, so the faults that ws finds are named first.
  if (!listContains(readHeader(headers, 'connection') ?? '', 'upgrade')) return fail('Invalid Connection header');
  return { accepted: true, protocol: protocol ?? '', extensionsHeader, extensions };
}

function fail(message: string): Failure {
  return { accepted: false, message };
}

/** The extensions in use, or the fault in them (RFC 6455 section 9.1). */
function checkExtensions(value: string | undefined, offered: boolean | readonly Extension[]): string | readonly Extension[] {
  if (value === undefined) return [];
  const offeredNames = typeof offered === 'boolean' ? (offered ? ['permessage-deflate'] : []) : offered.map(({ name }) => name);
  if (offeredNames.length === 0) return 'Server sent a Sec-WebSocket-Extensions header but no extension was requested';
  let extensions: readonly Extension[];
  try {
    extensions = parseExtensions(value);
  } catch {
    return 'Invalid Sec-WebSocket-Extensions header';
  }
  const names = extensions.map(({ name }) => name);
  if (!names.every((name) => offeredNames.includes(name))) return 'Server indicated an extension that was not requested';
  return new Set(names).size === names.length ? extensions : 'Invalid Sec-WebSocket-Extensions header';
}
