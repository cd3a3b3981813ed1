// A refused opening handshake as an HTTP response, RFC 6455 section 4.2.2 and RFC 9110 section 15.

import { UsageError } from '../base/errors.ts';
import { isToken } from './grammar.ts';
import { formatHead, headerLines, type HeaderValues } from './headers.ts';

/** Why a request is not accepted. */
export interface Refusal {
  readonly accepted: false;
  /** HTTP status code of the answer. */
  readonly status: number;
  /** Says why, in words for a person; the body of the answer. Holds nothing that the peer sent. */
  readonly reason: string;
  /** Fields that the answer must carry. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Makes a {@link Refusal}. */
export function refuse(status: number, reason: string, headers: Readonly<Record<string, string>> = {}): Refusal {
  return { accepted: false, status, reason, headers };
}

/** The answer to a request with a body, whose bytes would be read as frames. */
export const BODY: Refusal = refuse(400, 'A request with a body cannot open a WebSocket');

const REASON_PHRASES: Readonly<Record<number, string>> = {
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  204: 'No Content',
  205: 'Reset Content',
  206: 'Partial Content',
  300: 'Multiple Choices',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  304: 'Not Modified',
  305: 'Use Proxy',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  402: 'Payment Required',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  407: 'Proxy Authentication Required',
  408: 'Request Timeout',
  409: 'Conflict',
  410: 'Gone',
  411: 'Length Required',
  412: 'Precondition Failed',
  413: 'Payload Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  416: 'Range Not Satisfiable',
  417: 'Expectation Failed',
  418: "I'm a Teapot",
  421: 'Misdirected Request',
  422: 'Unprocessable Entity',
  423: 'Locked',
  424: 'Failed Dependency',
  425: 'Too Early',
  426: 'Upgrade Required',
  428: 'Precondition Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  451: 'Unavailable For Legal Reasons',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
  506: 'Variant Also Negotiates',
  507: 'Insufficient Storage',
  508: 'Loop Detected',
  510: 'Not Extended',
  511: 'Network Authentication Required',
};

/** The words that go with a status code; empty for one that is not registered. */
export function reasonPhrase(status: number): string {
  return REASON_PHRASES[status] ?? '';
}

function utf8Length(text: string): number {
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.codePointAt(at) as number;
    if (code > 0xffff) at++;
    length += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x1_0000 ? 3 : 4;
  }
  return length;
}

/**
 * A whole HTTP response that refuses a handshake and says that the connection ends. Encode it as UTF-8.
 *
 * @param refusal `status`: 200 to 999. `reason`: the body, default the status code's own words; it goes out as `text/html`, as
 *   ws does, so escape text that a peer may have sent. `headers`: more fields; one that is named like a default replaces it, but
 *   `Content-Length` is always computed.
 * @throws {UsageError} when the status is none, or a field has a character that could forge another line.
 */
export function refusalHead(refusal: {
  readonly status: number;
  readonly reason?: string | undefined;
  readonly headers?: HeaderValues | undefined;
}): string {
  const { status } = refusal;
  if (!Number.isInteger(status) || status < 200 || status > 999) throw new UsageError(`Invalid HTTP status: ${status}`);
  const phrase = reasonPhrase(status);
  const body = refusal.reason || phrase;
  const headers: Record<string, HeaderValues[string]> = {
    Connection: 'close',
    'Content-Type': 'text/html',
    'Content-Length': 0,
  };
  for (const [name, value] of Object.entries(refusal.headers ?? {})) {
    if (value === undefined) continue;
    if (!isToken(name)) throw new UsageError(`Invalid header name: ${JSON.stringify(name)}`);
    const lowerCase = name.toLowerCase();
    const present = Object.keys(headers).find((other) => other.toLowerCase() === lowerCase);
    headers[present ?? name] = value;
  }
  headers['Content-Length'] = utf8Length(body);
  return formatHead([`HTTP/1.1 ${status} ${phrase}`, ...headerLines(headers)]) + body;
}
