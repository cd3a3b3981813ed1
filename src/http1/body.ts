// Body of an HTTP/1.1 response other than 101, so that a program can read the reason (RFC 9112 sections 6 and 7). Keeps no data: it
// passes on every chunk, and a slow reader pauses the transport.

import { trimWhitespace } from '../handshake/grammar.ts';
import type { ResponseHead } from '../handshake/http-head.ts';

/** The part that is read next. `end` and `fault` are final. */
type State = 'all' | 'length' | 'size' | 'data' | 'separator' | 'trailer' | 'end' | 'fault';

/** Longest line with the size of a chunk, and most bytes of all trailers together. */
const MAXIMUM_LINE_BYTES = 4096;
const MAXIMUM_TRAILER_BYTES = 16_384;

const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;

/** Decodes a body that arrives in pieces of any length. */
export class BodyDecoder {
  #state: State;
  /** Missing bytes of the body or of the chunk. */
  #missing = 0;
  #line = '';
  #trailerBytes = 0;

  constructor(head: ResponseHead) {
    const { status, headers } = head;
    const encoding = headers.get('transfer-encoding');
    const length = headers.get('content-length');
    if (status === 204 || status === 304) this.#state = 'end';
    // Another coding than chunked ends with the connection (RFC 9112 section 6.3), and is passed on as it is.
    else if (encoding !== undefined) this.#state = encoding.toLowerCase() === 'chunked' ? 'size' : 'all';
    else if (length === undefined) this.#state = 'all';
    else this.#state = this.#expect(length, 10) ? (this.#missing === 0 ? 'end' : 'length') : 'fault';
  }

  /** Whether all of the body was fed. */
  get isComplete(): boolean {
    return this.#state === 'end';
  }

  get isMalformed(): boolean {
    return this.#state === 'fault';
  }

  /**
   * Takes the next bytes. Bytes after the end of the body are ignored.
   *
   * @param chunk Borrowed for this call.
   * @param onData Called with pieces of the body. Borrowed for its call.
   */
  feed(chunk: Uint8Array, onData: (piece: Uint8Array) => void): void {
    let at = 0;
    while (at < chunk.length && this.#state !== 'end' && this.#state !== 'fault') {
      if (this.#state === 'all') {
        onData(chunk.subarray(at));
        return;
      }
      if (this.#state === 'length' || this.#state === 'data') {
        const piece = chunk.subarray(at, at + this.#missing);
        at += piece.length;
        this.#missing -= piece.length;
        if (this.#missing === 0) this.#state = this.#state === 'length' ? 'end' : 'separator';
        onData(piece);
      } else {
        this.#takeByte(chunk[at++]);
      }
    }
  }

  /** Takes FIN. */
  feedEnd(): void {
    if (this.#state !== 'end') this.#state = this.#state === 'all' ? 'end' : 'fault';
  }

  /** Takes a byte of a line: the size of a chunk, the empty end of one, or a trailer. */
  #takeByte(byte: number): void {
    const isTooLong =
      this.#line.length === MAXIMUM_LINE_BYTES || (this.#state === 'trailer' && ++this.#trailerBytes > MAXIMUM_TRAILER_BYTES);
    if (isTooLong) {
      this.#state = 'fault';
    } else if (byte !== LINE_FEED) {
      this.#line += String.fromCharCode(byte);
    } else if (this.#line.charCodeAt(this.#line.length - 1) === CARRIAGE_RETURN) {
      const line = this.#line.slice(0, -1);
      this.#line = '';
      this.#endLine(line);
    } else {
      this.#state = 'fault';
    }
  }

  #endLine(line: string): void {
    if (this.#state === 'trailer') {
      if (line === '') this.#state = 'end';
    } else if (this.#state === 'separator') {
      this.#state = line === '' ? 'size' : 'fault';
    } else {
      const semicolon = line.indexOf(';');
      const size = trimWhitespace(semicolon === -1 ? line : line.slice(0, semicolon));
      this.#state = this.#expect(size, 16) ? (this.#missing === 0 ? 'trailer' : 'data') : 'fault';
    }
  }

  /** Reads the size of a chunk. @returns Whether it is a number. */
  #expect(digits: string, radix: 10 | 16): boolean {
    this.#missing = 0;
    for (const digit of digits) {
      const value = '0123456789abcdef'.indexOf(digit.toLowerCase());
      if (value === -1 || value >= radix) return false;
      this.#missing = this.#missing * radix + value;
      if (this.#missing > Number.MAX_SAFE_INTEGER) return false;
    }
    return digits !== '';
  }
}
