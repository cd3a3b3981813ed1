// Head of an HTTP/1.1 message from raw bytes, RFC 9112 sections 2 to 5, for runtimes without an HTTP server in front.
// Strict and bounded: a head that two parsers could read in two ways is refused, because a proxy may have read it the other way.

import { UsageError } from '../base/errors.ts';
import { isFieldValueCode, isHost, isRequestTarget, isToken, trimWhitespace } from './grammar.ts';
import { hasBody } from './headers.ts';
import { BODY, refuse, type Refusal } from './refusal.ts';

/** Default limit of a head, in bytes, from the start line to the empty line. */
export const MAXIMUM_HEAD_BYTES = 16_384;
/** Default limit of the number of field lines. */
export const MAXIMUM_HEADERS = 100;

const NO_BYTES = new Uint8Array(0);
const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;

/** Fields that the handshake trusts: a second line would let two parsers disagree. */
const SINGLE_FIELDS: readonly string[] = ['host', 'sec-websocket-key', 'sec-websocket-version', 'sec-websocket-accept'];

/** Limits of a {@link HeadParser}. */
export interface HeadLimits {
  /** Default 16384. */
  readonly maximumBytes?: number | undefined;
  /** Default 100. */
  readonly maximumHeaders?: number | undefined;
}

/** The part that requests and responses share. */
export interface HeadFields {
  /** `1.0`, `1.1`, or a later 1.x. */
  readonly httpVersion: string;
  /** Lower-case name to value; several lines of one name are joined by `, ` (`; ` for Cookie). Bytes above 0x7F read as Latin-1. */
  readonly headers: ReadonlyMap<string, string>;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
}

export interface RequestHead extends HeadFields {
  readonly method: string;
  readonly target: string;
}

export interface ResponseHead extends HeadFields {
  readonly status: number;
  readonly statusText: string;
}

/** A complete head, or why there will be none. */
export type HeadResult<Head> =
  | {
      readonly accepted: true;
      readonly head: Head;
      /** Bytes behind the head: the first of the WebSocket stream. The receiver's to keep. */
      readonly rest: Uint8Array;
    }
  | Refusal;

/** The differences between requests and responses. */
interface HeadKind<Start, Head> {
  readonly tooLong: Refusal;
  parseStartLine(line: string): Start | Refusal;
  /** The head; a refusal; or undefined when another head follows (interim responses). */
  complete(start: Start, fields: Omit<HeadFields, 'httpVersion'>): Head | Refusal | undefined;
}

/** Parses one head, fed piece by piece. Where the pieces are cut makes no difference. */
export class HeadParser<Start extends object, Head extends object> {
  readonly #kind: HeadKind<Start, Head>;
  readonly #maximumBytes: number;
  readonly #maximumHeaders: number;
  /** Bytes of a line that is in more than one chunk. Grows with the bytes that have arrived. */
  #line: Uint8Array = NO_BYTES;
  #lineLength: number = 0;
  /** Text of a line that is in one chunk; its end may come in the next. */
  #text: string | undefined;
  #total: number = 0;
  #sawReturn: boolean = false;
  #isDone: boolean = false;
  #start: Start | undefined;
  #headers: Map<string, string> = new Map();
  #rawHeaders: string[] = [];

  /** Use {@link requestHeadParser} or {@link responseHeadParser}. */
  constructor(kind: HeadKind<Start, Head>, limits: HeadLimits = {}) {
    this.#kind = kind;
    this.#maximumBytes = limits.maximumBytes ?? MAXIMUM_HEAD_BYTES;
    this.#maximumHeaders = limits.maximumHeaders ?? MAXIMUM_HEADERS;
  }

  /**
   * Takes the next bytes.
   *
   * @param chunk Borrowed for this call, not changed.
   * @returns The head or a refusal, once; undefined while bytes are missing.
   * @throws {UsageError} after it returned a result: the caller's bug, not a peer's.
   */
  feed(chunk: Uint8Array): HeadResult<Head> | undefined {
    if (this.#isDone) throw new UsageError('The head is complete');
    let at = 0;
    while (at < chunk.length) {
      if (!this.#sawReturn) at += this.#takeText(chunk, at);
      if (at === chunk.length) break;
      const outcome = this.#feedByte(chunk[at++]);
      if (outcome === undefined) continue;
      this.#isDone = true;
      // Not chunk.slice: Node.js's Buffer makes a view by that name.
      return isRefusal(outcome) ? outcome : { accepted: true, head: outcome, rest: new Uint8Array(chunk.subarray(at)) };
    }
    return undefined;
  }

  /** Takes bytes of a line, within the limit. @returns The number of bytes that it took. */
  #takeText(chunk: Uint8Array, start: number): number {
    const limit = Math.min(chunk.length, start + this.#maximumBytes - this.#total);
    let end = start;
    while (end < limit && isFieldValueCode(chunk[end])) end++;
    this.#total += end - start;
    const bytes = chunk.subarray(start, end);
    if (this.#lineLength === 0 && end < chunk.length) this.#text = latin1(bytes);
    else this.#keep(bytes);
    return end - start;
  }

  /** Appends to the line in progress. */
  #keep(bytes: Uint8Array): void {
    const length = this.#lineLength + bytes.length;
    if (length > this.#line.length) {
      const grown = new Uint8Array(2 * length);
      grown.set(this.#line);
      this.#line = grown;
    }
    this.#line.set(bytes, this.#lineLength);
    this.#lineLength = length;
  }

  /** Takes a byte that belongs to no line's text: the end of a line, or a fault. */
  #feedByte(byte: number): Head | Refusal | undefined {
    if (++this.#total > this.#maximumBytes) {
      return this.#start === undefined ? this.#kind.tooLong : refuse(431, 'The header fields are too large');
    }
    if (this.#sawReturn) {
      if (byte !== LINE_FEED) return refuse(400, 'A carriage return is not followed by a line feed');
      this.#sawReturn = false;
      return this.#endLine();
    }
    if (byte === LINE_FEED) return refuse(400, 'A line feed is not preceded by a carriage return');
    if (byte !== CARRIAGE_RETURN) return refuse(400, 'The head has a control character');
    this.#sawReturn = true;
    return undefined;
  }

  #endLine(): Head | Refusal | undefined {
    const line = this.#text ?? latin1(this.#line.subarray(0, this.#lineLength));
    this.#text = undefined;
    this.#lineLength = 0;
    if (this.#start === undefined) {
      // RFC 9112 section 2.2: an empty line before the start line is ignored. The limit of bytes bounds how many.
      if (line === '') return undefined;
      const start = this.#kind.parseStartLine(line);
      if (isRefusal(start)) return start;
      this.#start = start;
      return undefined;
    }
    if (line !== '') return this.#addField(line);
    const head = this.#kind.complete(this.#start, { headers: this.#headers, rawHeaders: this.#rawHeaders });
    if (head === undefined) {
      this.#start = undefined;
      this.#headers = new Map();
      this.#rawHeaders = [];
    }
    return head;
  }

  #addField(line: string): Refusal | undefined {
    if (this.#rawHeaders.length === 2 * this.#maximumHeaders) return refuse(431, 'Too many header fields');
    if (line[0] === ' ' || line[0] === '\t') return refuse(400, 'A header field is folded over several lines');
    const colon = line.indexOf(':');
    if (colon === -1) return refuse(400, 'A header field has no colon');
    const name = line.slice(0, colon);
    if (!isToken(name)) return refuse(400, 'A header field has an invalid name');
    const value = trimWhitespace(line.slice(colon + 1));
    const lowerCase = name.toLowerCase();
    const earlier = this.#headers.get(lowerCase);
    if (earlier !== undefined && SINGLE_FIELDS.includes(lowerCase)) {
      return refuse(400, `The ${lowerCase} header field is duplicated`);
    }
    const separator = lowerCase === 'cookie' ? '; ' : ', ';
    this.#headers.set(lowerCase, earlier === undefined ? value : earlier + separator + value);
    this.#rawHeaders.push(name, value);
    return undefined;
  }
}

// jsdom has none.
const Decoder = (globalThis as { TextDecoder?: typeof TextDecoder }).TextDecoder;
/** Made with the first head: the first decoder of a process takes Node.js 20 some milliseconds, and its servers need none. */
let decoder: TextDecoder | undefined;

function isRefusal(value: object): value is Refusal {
  return 'accepted' in value && value.accepted === false;
}

function latin1(bytes: Uint8Array): string {
  let bits = 0;
  for (let at = 0; at < bytes.length; at++) bits |= bytes[at];
  // The usual case, in half the time. TextDecoder cannot do the others: its "latin1" is windows-1252.
  return Decoder && bits < 0x80 ? (decoder ??= new Decoder()).decode(bytes) : String.fromCharCode(...bytes);
}

/** `1.x` of `HTTP/1.x`, or a refusal. */
function parseVersion(text: string): string | Refusal {
  if (!/^HTTP\/\d\.\d$/.test(text)) return refuse(400, 'The start line has no valid HTTP version');
  return text[5] === '1' ? text.slice(5) : refuse(505, 'Only HTTP/1.1 is spoken here');
}

type RequestStart = Omit<RequestHead, keyof HeadFields> & { readonly httpVersion: string };
type ResponseStart = Omit<ResponseHead, keyof HeadFields> & { readonly httpVersion: string };

/** Origin and absolute forms; `*` and an authority only where OPTIONS and CONNECT use them (RFC 9112 section 3.2). */
function isTargetOf(method: string, target: string): boolean {
  if (!isRequestTarget(target)) return false;
  if (method === 'CONNECT') return isHost(target);
  if (target[0] === '/') return true;
  if (target === '*') return method === 'OPTIONS';
  const scheme = target.slice(0, target.indexOf('://') + 3).toLowerCase();
  return scheme.length < target.length && ['http://', 'https://', 'ws://', 'wss://'].includes(scheme);
}

const REQUEST: HeadKind<RequestStart, RequestHead> = {
  tooLong: refuse(414, 'The request line is too long'),

  parseStartLine(line) {
    const parts = line.split(' ', 4);
    if (parts.length !== 3) return refuse(400, 'The request line must be a method, a target and an HTTP version');
    const [method, target, version] = parts;
    if (!isToken(method)) return refuse(400, 'The request line has an invalid method');
    const httpVersion = parseVersion(version);
    if (typeof httpVersion !== 'string') return httpVersion;
    if (!isTargetOf(method, target)) return refuse(400, 'The request line has an invalid target');
    return { method, target, httpVersion };
  },

  complete(start, fields) {
    const { headers } = fields;
    const host = headers.get('host');
    if (host === undefined ? start.httpVersion !== '1.0' : !isHost(host)) return refuse(400, 'Missing or invalid Host header');
    if (start.method === 'GET' && hasBody((name) => headers.get(name))) return BODY;
    return { ...start, ...fields };
  },
};

const RESPONSE: HeadKind<ResponseStart, ResponseHead> = {
  tooLong: refuse(502, 'The status line is too long'),

  parseStartLine(line) {
    const httpVersion = parseVersion(line.slice(0, 8));
    if (typeof httpVersion !== 'string') return httpVersion;
    const code = line.slice(9, 12);
    // Many servers leave out the space before an empty reason phrase.
    const isWellFormed = line[8] === ' ' && /^[1-9]\d\d$/.test(code) && (line[12] ?? ' ') === ' ';
    if (!isWellFormed) return refuse(502, 'The status line must be an HTTP version, a status code and a reason');
    return { status: Number(code), statusText: line.slice(13), httpVersion };
  },

  complete(start, fields) {
    // RFC 9110 section 15.2: interim responses may come before the final one.
    if (start.status < 200 && start.status !== 101) return undefined;
    return { ...start, ...fields };
  },
};

/** A parser of one request's head. Refusals carry the status of the answer: 400, 414, 431 or 505. */
export function requestHeadParser(limits?: HeadLimits): HeadParser<RequestStart, RequestHead> {
  return new HeadParser(REQUEST, limits);
}

/**
 * A parser of one response's head. Interim responses (status 1xx but 101) are passed over and count towards `maximumBytes`.
 * The status of a refusal means nothing here; its reason is for the error that the user sees.
 */
export function responseHeadParser(limits?: HeadLimits): HeadParser<ResponseStart, ResponseHead> {
  return new HeadParser(RESPONSE, limits);
}
