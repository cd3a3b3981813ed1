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
/**
 * The bytes that the engine puts behind a message, so that one context tells how the message ends. The first four bytes are {@link TAIL}.
 *
 * Where those complete the message, as they should, an empty stored block follows, and {@link LAST_BLOCK}, behind which zlib stops: it leaves the last
 * byte. Where the message ends with a whole block, the first five bytes are the header of a stored block of 65,280 bytes, and {@link PROBE_REST} is
 * output.
 */
const PROBE = new Uint8Array([0x00, 0x00, 0xff, 0xff, 0x00, 0x00, 0x00, 0xff, 0xff, 0x03, 0x00, 0x00]);
const PROBE_REST = PROBE.subarray(5);
/** The ends of a stored block that lacks as many bytes as make the rest of the probe look complete. */
const PROBE_STORED = [PROBE.subarray(0, 9), PROBE.subarray(0, 11)];
/** More than the probe can be read as: 96 bits, of which two may stand for 258 bytes. */
const MOST_OF_PROBE = 16384;
/** A context of zlib takes 7 to 12 µs. */
const INFLATE_COST = 512;
/** Most that `maxOutputLength` takes everywhere. */
const LARGEST_OUTPUT = 0x7fffffff;

/**
 * Streams of a message that cost no more than its bytes. A sender needs two: its own, and the empty block behind it (RFC 7692 section
 * 7.2.3.4). Each stream is a context of zlib, which takes 7 to 12 µs, as long as a short message.
 */
const FREE_STREAMS = 4;
/** One more is free for so many bytes of the message. */
const BYTES_A_STREAM = 1024;
/** The others, in the life of a connection. Without a limit, streams of three bytes take 3 s for a MiB. */
const SPARE_STREAMS = 1000;
/** Most output of the second attempt at a malformed message, which finds zlib's words for it: 64 KiB take 0.1 ms. */
const MOST_RETRIED = 65536;
/** For so few bytes zlib allocates its output by {@link SHORT_CHUNK}: 16 KiB, its default, take as long as it takes to inflate (17 µs against 9). */
const SHORT = 256;
const SHORT_CHUNK = 1024;
/** Parts of a message that are kept even if the message may not be as long: a flush makes short parts longer. */
const LEAST_GATHERED = 65536;

const tooLong = (): InflateError => new InflateError({ message: 'Max payload size exceeded', isTooLong: true });
const cut = (): InflateError => new InflateError({ message: 'unexpected end of file', isTooLong: false, code: 'Z_BUF_ERROR' });
const tooManyStreams = (): InflateError =>
  new InflateError({ message: 'Too many deflate streams', isTooLong: false, code: 'WS_ERR_TOO_MANY_BUFFERED_PARTS' });

/** The outcome of one stream of a message. */
interface Stream {
  readonly buffer: Uint8Array;
  /** How much of the message it takes; more, where the end of the message is not its end. */
  readonly read: number;
  /** Whether it has ended by itself, so that the next one starts afresh. */
  readonly isEnded: boolean;
}

/** Longer ones are left to zlib, which reads them faster. */
const LONGEST_EMPTY = 64;

/**
 * The next stream of a message if it has no bytes, in the forms that senders use: it needs no context of zlib. These are blocks of the type that is not
 * compressed, with or without the end of the last one, and a last block in fixed codes.
 *
 * @param data The rest of the message, up to `end`.
 */
function emptyStream(data: Uint8Array, end: number): Stream | null {
  if (end >= 2 && data[0] === 0x03 && (data[1] & 0x03) === 0) return { buffer: NONE, read: 2, isEnded: true };
  if (end % 5 > 1 || end > LONGEST_EMPTY) return null;
  // The bits of a header up to the next byte mean nothing (RFC 1951 section 3.2.4).
  for (let at = 0; at < end; at += 5) {
    if ((data[at] & 0x07) !== 0) return null;
    if (at + 1 < end && TAIL.some((byte, index) => data[at + 1 + index] !== byte)) return null;
  }
  return { buffer: NONE, read: end, isEnded: false };
}

function endsWith(bytes: Uint8Array, end: Uint8Array): boolean {
  const from = bytes.length - end.length;
  return from >= 0 && end.every((byte, index) => bytes[from + index] === byte);
}

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

  /**
   * The options of a call, which begins with the window. Those that zlib's functions have and its streams ignore are left out.
   *
   * @param length Bytes that it reads.
   */
  callOptions(length: number, rest: StreamOptions): StreamOptions {
    const { window } = this;
    if (window === null) throw closedError();
    const { windowBits, zlib } = this.options;
    const dictionary = window.length > 0 ? window : undefined;
    const chunkSize = length <= SHORT ? SHORT_CHUNK : undefined;
    const own = { info: undefined, maxOutputLength: undefined, windowBits, dictionary };
    return { level: DEFAULT_LEVEL, chunkSize, ...zlib, ...own, ...rest };
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
      if (isFinal && input.length === 0) return this.#endEmpty();
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

  /** Ends a message without bytes as zlib would, without a context of zlib. */
  #endEmpty(): Uint8Array {
    if (this.window === null) throw closedError();
    if (this.options.noContextTakeover) this.adoptWindow(this.dictionary);
    return emptyMessage();
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
    const bytes = this.zlib.deflateRawSync(data, this.callOptions(data.length, { finishFlush: Z_SYNC_FLUSH }));
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
    const whole = concat([...this.#gathered, data, PROBE]);
    const end = whole.length - PROBE.length;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    const parts: Uint8Array[] = [];
    let at = 0;
    let length = 0;
    let streams = FREE_STREAMS + end / BYTES_A_STREAM;
    // One stream a step: a block with BFINAL may end it before the message does (RFC 7692 section 7.2.3.4).
    const step = (): Uint8Array | null => {
      if (streams-- < 1 && this.#spareStreams-- === 0) throw tooManyStreams();
      const { buffer, read, isEnded } = this.#runStream(whole.subarray(at), limit > 0 ? Math.max(1, limit - length) : 0);
      length += buffer.length;
      if (limit > 0 && length > limit) throw tooLong();
      at += read;
      if (isEnded || this.options.noContextTakeover) this.window = this.dictionary;
      else if (buffer.length > 0) this.slide(buffer);
      // Copied if it waits for others, because zlib's buffer is longer and a peer sends a stream of one byte in three.
      if (buffer.length > 0) parts.push(at < end && buffer.length < buffer.buffer.byteLength ? new Uint8Array(buffer) : buffer);
      if (at < end) return null;
      const bytes = concat(parts);
      // One part alone may be zlib's own buffer, which is longer than its output: the bytes after it may belong to others.
      job.isOwned = bytes !== buffer;
      return bytes;
    };
    const job = { isOwned: false, step };
    return job;
  }

  /** @param data One stream or more, then {@link PROBE}. */
  #runStream(data: Uint8Array, limit: number): Stream {
    const end = data.length - PROBE.length;
    const empty = emptyStream(data, end);
    if (empty !== null) {
      if (this.window === null) throw closedError();
      return empty;
    }
    const { buffer, engine } = this.#runProbe(data, limit);
    const read = engine.bytesWritten;
    const flushed = data.subarray(0, end + TAIL.length);
    // Complete: zlib has stopped before the last byte. So it has where a stored block is cut and the probe is its rest.
    if (read === data.length - 1) {
      return PROBE_STORED.some((bytes) => endsWith(buffer, bytes))
        ? { buffer: this.#runWhole(flushed, limit), read: end, isEnded: false }
        : { buffer, read: end, isEnded: false };
    }
    if (read <= flushed.length) return { buffer, read, isEnded: true };
    // A message that ends with a whole block; or one that is cut in a stored block, or in the code that ends a block.
    if (read === data.length && endsWith(buffer, PROBE_REST)) {
      if (limit > 0 && buffer.length - PROBE_REST.length > limit) throw tooLong();
      return { buffer: this.#runWhole(data.subarray(0, end), limit), read: end, isEnded: false };
    }
    // The probe may have been read as so much.
    if (limit > 0 && buffer.length > limit) this.#run(flushed, limit, Z_SYNC_FLUSH);
    throw cut();
  }

  /** Inflates what ends with a whole block. */
  #runWhole(data: Uint8Array, limit: number): Uint8Array {
    try {
      return this.#run(concat([data, LAST_BLOCK]), limit, Z_FINISH).buffer;
    } catch (error) {
      throw error instanceof InflateError && !error.isTooLong ? cut() : error;
    }
  }

  /** Inflates the next stream of `data`, which ends with {@link PROBE}. */
  #runProbe(data: Uint8Array, limit: number): InflateInfo {
    try {
      return this.#run(data, limit > 0 ? limit + MOST_OF_PROBE : 0, Z_SYNC_FLUSH);
    } catch (error) {
      if (!(error instanceof InflateError) || error.isTooLong) throw error;
      const most = limit > 0 ? Math.min(limit, MOST_RETRIED) : MOST_RETRIED;
      try {
        this.#run(data.subarray(0, data.length - PROBE.length + TAIL.length), most, Z_SYNC_FLUSH);
      } catch (again) {
        throw again instanceof InflateError && again.isTooLong && most !== limit ? error : again;
      }
      // Only the probe is malformed, where it stands.
      throw cut();
    }
  }

  #run(data: Uint8Array, limit: number, finishFlush: number): InflateInfo {
    const maxOutputLength = limit > 0 ? Math.min(limit, LARGEST_OUTPUT) : undefined;
    const options = this.callOptions(data.length, { finishFlush, info: true, maxOutputLength });
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
    inflateCost: INFLATE_COST,
    createDeflator: (options) => new OneShotDeflator(zlib, options),
    createInflator: (options) => new OneShotInflator(zlib, options),
  };
}
