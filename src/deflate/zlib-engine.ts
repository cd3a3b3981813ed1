// A DeflateEngine over the public one-shot functions of node:zlib, for what only zlib can do (`strategy`, `dictionary`) and for programs
// that ask for it: a new context for each message, primed with what those before it left in the window.

import {
  InflateError,
  type ContextOptions,
  type DeflateEngine,
  type DeflateJob,
  type Deflator,
  type Inflator,
} from './engine.ts';
import {
  DEFAULT_LEVEL,
  closedError,
  concat,
  DEFLATE_SLICE,
  dictionaryOf,
  emptyMessage,
  NONE,
  slideWindow,
  TAIL,
} from './messages.ts';

type StreamOptions = Readonly<Record<string, unknown>>;

/** The functions of node:zlib that we use. */
export interface ZlibModule {
  deflateRawSync(data: Uint8Array, options: StreamOptions): Uint8Array;
  inflateRawSync(data: Uint8Array, options: StreamOptions): Uint8Array | InflateInfo;
}

/** The result of `inflateRawSync` with `info: true`. */
interface InflateInfo {
  readonly buffer: Uint8Array;
  /** `bytesWritten` is how much of the input it has read. */
  readonly engine: { readonly bytesWritten: number };
}

const Z_SYNC_FLUSH = 2;
/** Options that zlib's functions have and its streams ignore: no more do we. */
const STREAMED: StreamOptions = { info: undefined, maxOutputLength: undefined };
/** Most that `maxOutputLength` takes everywhere. */
const LARGEST_OUTPUT = 0x7fffffff;

class OneShotDeflator implements Deflator {
  readonly #zlib: ZlibModule;
  readonly #options: ContextOptions;
  readonly #dictionary: Uint8Array;
  #window: Uint8Array | null;
  #isShared = true;

  constructor(zlib: ZlibModule, options: ContextOptions) {
    this.#zlib = zlib;
    this.#options = options;
    this.#window = this.#dictionary = dictionaryOf(options);
  }

  deflate(data: Uint8Array, isFinal: boolean): DeflateJob {
    const parts: Uint8Array[] = [];
    let at = 0;
    let input = data;
    const step = (): Uint8Array | null => {
      const end = Math.min(input.length, at + DEFLATE_SLICE);
      parts.push(this.#run(input.subarray(at, end)));
      at = end;
      if (end < input.length) return null;
      if (isFinal && this.#options.noContextTakeover) this.#reset();
      const bytes = concat(parts);
      if (!isFinal) return bytes;
      return bytes.length < TAIL.length ? emptyMessage() : bytes.subarray(0, bytes.length - TAIL.length);
    };
    const detach: DeflateJob['detach'] = (copy) => {
      input = copy(input, at, input.length);
      at = 0;
    };
    return { isOwned: true, step, detach };
  }

  get sharedWindow(): Uint8Array | null {
    return this.#isShared ? this.#window : null;
  }

  takeWindow(): Uint8Array {
    if (this.#window === null) throw closedError();
    this.#isShared = true;
    return this.#window;
  }

  adoptWindow(window: Uint8Array): void {
    if (this.#window === null) throw closedError();
    this.#window = window;
    this.#isShared = true;
  }

  #run(data: Uint8Array): Uint8Array {
    if (this.#window === null) throw closedError();
    const { windowBits, zlib: options } = this.#options;
    const dictionary = this.#window.length > 0 ? { dictionary: this.#window } : {};
    const bytes = this.#zlib.deflateRawSync(data, {
      level: DEFAULT_LEVEL,
      ...options,
      ...STREAMED,
      windowBits,
      finishFlush: Z_SYNC_FLUSH,
      ...dictionary,
    });
    this.#window = slideWindow(this.#window, data, windowBits);
    this.#isShared = false;
    return bytes;
  }

  #reset(): void {
    this.#window = this.#dictionary;
    this.#isShared = true;
  }

  close(): void {
    this.#window = null;
  }
}

/** Gives `bytes` room for `length` bytes, and for as many as it had: many short parts take little copying. */
function grow(bytes: Uint8Array, length: number): Uint8Array {
  const longer = new Uint8Array(Math.max(length, 2 * bytes.length));
  longer.set(bytes);
  return longer;
}

class OneShotInflator implements Inflator {
  readonly #zlib: ZlibModule;
  readonly #options: ContextOptions;
  readonly #dictionary: Uint8Array;
  #window: Uint8Array | null;
  /** Parts of a message, kept until its last one: zlib's functions do not stop in the middle of a block. */
  #gathered: Uint8Array[] = [];

  constructor(zlib: ZlibModule, options: ContextOptions) {
    this.#zlib = zlib;
    this.#options = options;
    this.#window = this.#dictionary = dictionaryOf(options);
  }

  inflate(data: Uint8Array, limit: number, isFinal: boolean = true): DeflateJob {
    if (!isFinal) {
      this.#gathered.push(new Uint8Array(data));
      return { isOwned: true, step: () => new Uint8Array(0) };
    }
    const whole = concat([...this.#gathered, data, TAIL]);
    const end = whole.length - TAIL.length;
    this.#gathered = [];
    let at = 0;
    let output = NONE;
    let length = 0;
    // One part alone is zlib's own buffer, which is longer than its output: the bytes after it may belong to others.
    const job = { isOwned: false, step: (): Uint8Array | null => step() };
    // One stream a step: a block with BFINAL may end it before the message does (RFC 7692 section 7.2.3.4).
    const step = (): Uint8Array | null => {
      const { buffer, engine } = this.#run(whole.subarray(at), limit > 0 ? Math.max(1, limit - length) : 0);
      const start = length;
      length += buffer.length;
      if (limit > 0 && length > limit) throw new InflateError({ message: 'Max payload size exceeded', isTooLong: true });
      at += engine.bytesWritten;
      const hasEnded = at < whole.length;
      this.#window =
        hasEnded || this.#options.noContextTakeover
          ? this.#dictionary
          : slideWindow(this.#window!, buffer, this.#options.windowBits);
      if (start === 0 && at >= end) return buffer;
      // Copied: zlib's buffer has 16 KiB, and a peer sends a stream of one byte in three.
      if (output.length < length) output = grow(output, length);
      output.set(buffer, start);
      if (at < end) return null;
      job.isOwned = true;
      return output.length === length ? output : output.slice(0, length);
    };
    return job;
  }

  #run(data: Uint8Array, limit: number): InflateInfo {
    if (this.#window === null) throw closedError();
    const { windowBits, zlib: options } = this.#options;
    const dictionary = this.#window.length > 0 ? { dictionary: this.#window } : {};
    const maximum = limit > 0 ? { maxOutputLength: Math.min(limit, LARGEST_OUTPUT) } : {};
    try {
      return this.#zlib.inflateRawSync(data, {
        ...options,
        ...STREAMED,
        windowBits,
        finishFlush: Z_SYNC_FLUSH,
        info: true,
        ...dictionary,
        ...maximum,
      }) as InflateInfo;
    } catch (error) {
      const { message, code } = error as Error & { code?: string };
      const isTooLong = code === 'ERR_BUFFER_TOO_LARGE';
      throw new InflateError({ message: isTooLong ? 'Max payload size exceeded' : message, isTooLong, code });
    }
  }

  close(): void {
    this.#window = null;
  }
}

/**
 * Whether `zlib` begins with a window that it is given. Deno's does not: it cannot read what refers to earlier messages, and what it writes
 * refers to none.
 */
export function takesWindows(zlib: ZlibModule): boolean {
  const window = new Uint8Array(64).map((_, index) => index * 37);
  const options = { dictionary: window, finishFlush: Z_SYNC_FLUSH };
  return zlib.deflateRawSync(window, options).length < window.length;
}

/** Makes the engine. Works wherever node:zlib does. */
export function createZlibEngine(zlib: ZlibModule): DeflateEngine {
  return {
    createDeflator: (options) => new OneShotDeflator(zlib, options),
    createInflator: (options) => new OneShotInflator(zlib, options),
  };
}
