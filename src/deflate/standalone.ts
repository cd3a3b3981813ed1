// Raw DEFLATE (RFC 1951) of messages, for programs: `wasock/deflate`. Each message ends with a sync flush without its four bytes, as in
// RFC 7692 section 7.2.

import { checkFlag, checkLimit, DEFAULT_MAX_PAYLOAD, ownOptions } from '../base/options.ts';
import { InflateError, type DeflateEngine, type DeflateJob, type Deflator, type Inflator } from './engine.ts';
import { bytesIn, DEFAULT_LEVEL } from './messages.ts';
import { MAXIMUM_WINDOW_BITS } from './parameters.ts';
import { checkDictionary, checkLevel, checkWindowBits } from './settings.ts';

/** How messages refer to each other: both sides must use the same settings. */
export interface WindowOptions {
  /** Base-two logarithm of the window in bytes, 8 to 15. Default 15. An inflater's must not be smaller than its deflater's. */
  readonly windowBits?: number | undefined;
  /** Whether a message may refer to those before it (context takeover). Default true. */
  readonly contextTakeover?: boolean | undefined;
  /** Bytes that the first message may refer to; each one without context takeover. Copied. Default: none. */
  readonly dictionary?: ArrayBuffer | ArrayBufferView | undefined;
}

/** Settings of a {@link MessageDeflater}. */
export interface DeflaterOptions extends WindowOptions {
  /** 0, stored, to 9, smallest. -1 means 6. Default 5. */
  readonly level?: number | undefined;
}

/** Settings of a {@link MessageInflater}. */
export interface InflaterOptions extends WindowOptions {
  /** Most bytes that a message may inflate to; 0 for no limit. Default 104,857,600. */
  readonly maxLength?: number | undefined;
}

/** The input is no message of a deflater with these settings. */
export class InflateDataError extends Error {
  override readonly name: string = 'InflateDataError';
  /** `Z_DATA_ERROR`: malformed. `Z_BUF_ERROR`: it ends in the middle of a block. */
  readonly code: 'Z_DATA_ERROR' | 'Z_BUF_ERROR';

  constructor(message: string, code: 'Z_DATA_ERROR' | 'Z_BUF_ERROR') {
    super(message);
    this.code = code;
  }
}

/** The message would be longer than `maxLength`. No more than that was inflated. */
export class InflateLengthError extends RangeError {
  override readonly name: string = 'InflateLengthError';
  readonly code = 'ERR_INFLATE_LENGTH' as const;
}

function readWindowOptions({ windowBits = MAXIMUM_WINDOW_BITS, contextTakeover = true, dictionary }: WindowOptions): {
  windowBits: number;
  noContextTakeover: boolean;
  zlib: Record<string, unknown>;
} {
  checkWindowBits('windowBits', windowBits);
  checkFlag('contextTakeover', contextTakeover);
  if (dictionary !== undefined) checkDictionary('dictionary', dictionary);
  return { windowBits, noContextTakeover: !contextTakeover, zlib: { dictionary } };
}

/** @throws {TypeError} for data without bytes, or whose buffer was transferred or has shrunk. */
function bytesOf(data: unknown): Uint8Array {
  const bytes = bytesIn(data);
  if (bytes === null) throw new TypeError('The data must be an ArrayBuffer or a view of one, and within its bounds');
  return bytes;
}

/** Runs a job to its end. @returns Bytes with a separate ArrayBuffer of the same length. */
function finish(job: DeflateJob): Uint8Array<ArrayBuffer> {
  let bytes = job.step();
  while (bytes === null) bytes = job.step();
  const isExact = job.isOwned && bytes.byteLength === bytes.buffer.byteLength;
  return (isExact ? bytes : bytes.slice()) as Uint8Array<ArrayBuffer>;
}

/** Compresses messages, one after the other. */
export class MessageDeflater {
  readonly #deflator: Deflator;

  /**
   * @throws {RangeError | TypeError} that names the option.
   * @throws {Error} where the runtime forbids WebAssembly.
   */
  constructor(engine: DeflateEngine, given: DeflaterOptions | undefined) {
    const options = ownOptions(given);
    const { level = DEFAULT_LEVEL } = options;
    checkLevel('level', level);
    const { zlib, ...context } = readWindowOptions(options);
    this.#deflator = engine.createDeflator({ ...context, zlib: { ...zlib, level } });
  }

  /**
   * Compresses a message, or the next part of one.
   *
   * @param data Borrowed for this call.
   * @param isFinal Whether it ends the message. Default true. A part that does not ends with the four bytes of a sync flush, 00 00 ff ff; the
   * last one ends without them.
   * @returns The caller's to keep.
   * @throws {TypeError} for data without bytes, such as a string. @throws {Error} after `close()`.
   */
  deflate(data: ArrayBuffer | ArrayBufferView, isFinal: boolean = true): Uint8Array<ArrayBuffer> {
    return finish(this.#deflator.deflate(bytesOf(data), isFinal));
  }

  /** Frees the window. */
  close(): void {
    this.#deflator.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Decompresses the messages of a deflater, in their order. */
export class MessageInflater {
  readonly #inflator: Inflator;
  readonly #maxLength: number;
  /** Bytes that the parts of the message at hand have given. */
  #length = 0;

  /**
   * @throws {RangeError | TypeError} that names the option.
   * @throws {Error} where the runtime forbids WebAssembly.
   */
  constructor(engine: DeflateEngine, given: InflaterOptions | undefined) {
    const options = ownOptions(given);
    const { maxLength = DEFAULT_MAX_PAYLOAD } = options;
    checkLimit('maxLength', maxLength);
    this.#maxLength = maxLength === Infinity ? 0 : maxLength;
    this.#inflator = engine.createInflator(readWindowOptions(options));
  }

  /**
   * Decompresses a message, or the next part of one. After an error the window is lost, and the inflater is closed.
   *
   * @param data Borrowed for this call. It may be untrusted: any input costs at most `maxLength` bytes of output.
   * @param isFinal Whether it ends the message. Default true.
   * @returns The caller's to keep.
   * @throws {InflateDataError} for a malformed message. @throws {InflateLengthError} for one that is longer than `maxLength`.
   * @throws {TypeError} for data without bytes. @throws {Error} after `close()`.
   */
  inflate(data: ArrayBuffer | ArrayBufferView, isFinal: boolean = true): Uint8Array<ArrayBuffer> {
    const bytes = bytesOf(data);
    // A limit of 0 would be none: with no byte left, one more is asked for and counted.
    const limit = this.#maxLength > 0 ? Math.max(1, this.#maxLength - this.#length) : 0;
    try {
      const output = finish(this.#inflator.inflate(bytes, limit, isFinal));
      this.#length += output.length;
      if (this.#maxLength > 0 && this.#length > this.#maxLength) throw new InflateError({ message: '', isTooLong: true });
      if (isFinal) this.#length = 0;
      return output;
    } catch (error) {
      this.close();
      throw error instanceof InflateError ? this.#publicError(error) : error;
    }
  }

  /** Frees the window. */
  close(): void {
    this.#inflator.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #publicError({ isTooLong, message, code }: InflateError): Error {
    if (isTooLong) return new InflateLengthError(`The message is longer than ${this.#maxLength} bytes`);
    return new InflateDataError(message, code === 'Z_BUF_ERROR' ? code : 'Z_DATA_ERROR');
  }
}
