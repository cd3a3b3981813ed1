// A DeflateEngine over the public one-shot functions of node:zlib, for options that only zlib can carry out (`strategy`, `dictionary`) and for programs
// that ask for it: a new context for each message, primed with the window of the messages before.

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
const Z_FINISH = 4;
/** A last block without bytes. Where zlib does not find it behind a message, the message ends in the middle of a block. */
const LAST_BLOCK = new Uint8Array([0x03, 0x00]);
/** Most that `maxOutputLength` takes everywhere. */
const LARGEST_OUTPUT = 0x7fffffff;

/**
 * Streams of a message that cost no more than its bytes. A sender needs two: its own, and the empty block behind it (RFC 7692 section
 * 7.2.3.4). Each stream is a context of zlib, which takes 3 to 13 µs, as long as a short message.
 */
const FREE_STREAMS = 4;
/** One more is free for so many bytes of the message. */
const BYTES_A_STREAM = 1024;
/** The others, in the life of a connection. Without a limit, streams of two bytes take 3 s for a MiB. */
const SPARE_STREAMS = 1000;
/** Parts of a message that are kept even if the message may not be as long: a flush makes short parts longer. */
const LEAST_GATHERED = 65536;

const tooLong = (): InflateError => new InflateError({ message: 'Max payload size exceeded', isTooLong: true });
const tooManyStreams = (): InflateError =>
  new InflateError({ message: 'Too many deflate streams', isTooLong: false, code: 'WS_ERR_TOO_MANY_BUFFERED_PARTS' });

/** One direction of a connection. */
class OneShotContext {
  readonly zlib: ZlibModule;
  readonly options: ContextOptions;
  readonly dictionary: Uint8Array;
  /** Null once closed. */
  window: Uint8Array | null;

  constructor(zlib: ZlibModule, options: ContextOptions) {
    this.zlib = zlib;
    this.options = options;
    this.window = this.dictionary = dictionaryOf(options);
  }

  /** The options of a call, which begins with the window. Those that zlib's functions have and its streams ignore are left out. */
  callOptions(rest: StreamOptions): StreamOptions {
    const { window } = this;
    if (window === null) throw closedError();
    const { windowBits, zlib } = this.options;
    const dictionary = window.length > 0 ? window : undefined;
    return { level: DEFAULT_LEVEL, ...zlib, info: undefined, maxOutputLength: undefined, windowBits, dictionary, ...rest };
  }

  /** Adds the bytes of a message to the window. */
  slide(data: Uint8Array): void {
    this.window = slideWindow(this.window!, data, this.options.windowBits);
  }

  close(): void {
    this.window = null;
  }
}

class OneShotDeflator extends OneShotContext implements Deflator {
  #isShared = true;

  deflate(data: Uint8Array, isFinal: boolean): DeflateJob {
    const parts: Uint8Array[] = [];
    let at = 0;
    let input = data;
    const step = (): Uint8Array | null => {
      const end = Math.min(input.length, at + DEFLATE_SLICE);
      parts.push(this.#run(input.subarray(at, end)));
      at = end;
      if (end < input.length) return null;
      if (isFinal && this.options.noContextTakeover) this.adoptWindow(this.dictionary);
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
    return this.#isShared ? this.window : null;
  }

  takeWindow(): Uint8Array {
    if (this.window === null) throw closedError();
    this.#isShared = true;
    return this.window;
  }

  adoptWindow(window: Uint8Array): void {
    if (this.window === null) throw closedError();
    this.window = window;
    this.#isShared = true;
  }

  #run(data: Uint8Array): Uint8Array {
    const bytes = this.zlib.deflateRawSync(data, this.callOptions({ finishFlush: Z_SYNC_FLUSH }));
    this.slide(data);
    this.#isShared = false;
    return bytes;
  }
}

class OneShotInflator extends OneShotContext implements Inflator {
  /** Parts of a message, kept until its last one: zlib's functions do not stop in the middle of a block. */
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  #spareStreams = SPARE_STREAMS;

  inflate(data: Uint8Array, limit: number, isFinal: boolean = true): DeflateJob {
    if (!isFinal) {
      this.#gatheredBytes += data.length;
      if (limit > 0 && this.#gatheredBytes > Math.max(limit, LEAST_GATHERED)) throw tooLong();
      this.#gathered.push(new Uint8Array(data));
      return { isOwned: true, step: () => NONE };
    }
    const whole = concat([...this.#gathered, data, TAIL, LAST_BLOCK]);
    const end = whole.length - TAIL.length - LAST_BLOCK.length;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    const parts: Uint8Array[] = [];
    let at = 0;
    let length = 0;
    let streams = FREE_STREAMS + end / BYTES_A_STREAM;
    // One stream a step: a block with BFINAL may end it before the message does (RFC 7692 section 7.2.3.4).
    const step = (): Uint8Array | null => {
      if (streams-- < 1 && this.#spareStreams-- === 0) throw tooManyStreams();
      const { buffer, engine } = this.#runStream(whole.subarray(at), limit > 0 ? Math.max(1, limit - length) : 0);
      length += buffer.length;
      if (limit > 0 && length > limit) throw tooLong();
      at += engine.bytesWritten;
      if (at < whole.length || this.options.noContextTakeover) this.window = this.dictionary;
      else this.slide(buffer);
      // Copied if it waits for others, because zlib's buffer has 16 KiB and a peer sends a stream of one byte in three.
      parts.push(at < end && buffer.length < buffer.buffer.byteLength ? new Uint8Array(buffer) : buffer);
      if (at < end) return null;
      // One part alone is zlib's own buffer, which is longer than its output: the bytes after it may belong to others.
      job.isOwned = parts.length > 1;
      return concat(parts);
    };
    const job = { isOwned: false, step };
    return job;
  }

  /** @param data One stream or more, then the flush and {@link LAST_BLOCK}. */
  #runStream(data: Uint8Array, limit: number): InflateInfo {
    try {
      return this.#run(data, limit, Z_FINISH);
    } catch (error) {
      if (!(error instanceof InflateError) || error.isTooLong) throw error;
      return this.#runUnflushed(data, limit);
    }
  }

  /** A message may end with a whole block, so that the flush behind it is the beginning of a block that never comes. */
  #runUnflushed(data: Uint8Array, limit: number): InflateInfo {
    const flushed = data.subarray(0, data.length - LAST_BLOCK.length);
    // Throws if the message is malformed, and not only cut.
    this.#run(flushed, limit, Z_SYNC_FLUSH);
    const message = flushed.subarray(0, flushed.length - TAIL.length);
    try {
      return {
        buffer: this.#run(concat([message, LAST_BLOCK]), limit, Z_FINISH).buffer,
        engine: { bytesWritten: data.length },
      };
    } catch (error) {
      if (!(error instanceof InflateError) || error.isTooLong) throw error;
      throw new InflateError({ message: 'unexpected end of file', isTooLong: false, code: 'Z_BUF_ERROR' });
    }
  }

  #run(data: Uint8Array, limit: number, finishFlush: number): InflateInfo {
    const maxOutputLength = limit > 0 ? Math.min(limit, LARGEST_OUTPUT) : undefined;
    const options = this.callOptions({ finishFlush, info: true, maxOutputLength });
    try {
      return this.zlib.inflateRawSync(data, options) as InflateInfo;
    } catch (error) {
      const { message, code } = error as Error & { code?: string };
      throw code === 'ERR_BUFFER_TOO_LARGE' ? tooLong() : new InflateError({ message, isTooLong: false, code });
    }
  }
}

/**
 * Whether `zlib` begins with a window that it is given. Deno's does not: it cannot read references to earlier messages, and its output
 * has none.
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
