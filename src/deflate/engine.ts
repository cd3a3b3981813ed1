// The interface of DEFLATE engines, and their error.

/** Work that may take several turns, so that a long message holds up the event loop less. */
export interface DeflateJob {
  /** Whether the result is the caller's to keep; otherwise it is valid until the engine's next job. */
  readonly isOwned: boolean;
  /**
   * Does the next slice: a few milliseconds. Two steps take longer. The last one of a long message joins its output, for which it needs the
   * memory once more: 65 ms of CPU time for 99 MB (Node.js 24). And node:zlib inflates a whole stream in one step.
   *
   * @returns The result, or null when there is more to do; call again in a later turn then.
   * @throws {InflateError} if the input is not a deflate stream, or the output would be longer than allowed.
   */
  step(): Uint8Array | null;
  /**
   * Copies the rest of its input: called once, before the first step or after one that returned null, because the caller gets its
   * memory back.
   * Left out: a job whose input is its own.
   */
  detach?(copy: (source: Uint8Array, start: number, end: number) => Uint8Array): void;
}

/** Compresses the messages of one direction of one connection. One job at a time. */
export interface Deflator {
  /**
   * @param data Read in the job's first step, and until {@link DeflateJob.detach}.
   * @param isFinal Whether this ends the message: only then are the four bytes of the flush left out (RFC 7692 section 7.2.1).
   */
  deflate(data: Uint8Array, isFinal: boolean): DeflateJob;
  /**
   * The window that the next message refers to, if other deflators may have the same one: two with the same options and the same array
   * write the same bytes. Null once it has compressed something by itself. Not to be changed.
   */
  readonly sharedWindow: Uint8Array | null;
  /** Gives its window to others, between two messages: from then on it is {@link sharedWindow}. */
  takeWindow(): Uint8Array;
  /** Goes on with the window of another deflator with the same options. @param window Kept, and not changed. */
  adoptWindow(window: Uint8Array): void;
  /** Frees the context. */
  close(): void;
}

/** Decompresses the messages of one direction of one connection. One job at a time. */
export interface Inflator {
  /**
   * @param data A message, or the next part of one, without the four bytes of the flush. Kept until the job is done.
   * @param limit Most bytes of output of this job; 0 for no limit. Checked while inflating: a bomb costs no more than this.
   * @param isFinal Whether this ends the message. Default true.
   */
  inflate(data: Uint8Array, limit: number, isFinal?: boolean): DeflateJob;
  /** Frees the context. */
  close(): void;
}

/** How a context is made. */
export interface ContextOptions {
  /** 8 to 15. */
  readonly windowBits: number;
  /** Whether each message starts afresh (RFC 7692 section 7.1.1). */
  readonly noContextTakeover: boolean;
  /** Passed on to zlib: level, memLevel, strategy, chunkSize, … */
  readonly zlib?: Readonly<Record<string, unknown>> | undefined;
}

/** Supplied by the adapter. */
export interface DeflateEngine {
  /** The cost of beginning to inflate a message, in bytes of input that take as long. Left out: 0. */
  readonly inflateCost?: number;
  createDeflator(options: ContextOptions): Deflator;
  createInflator(options: ContextOptions): Inflator;
}

/** Why a message cannot be inflated. */
export class InflateError extends Error {
  /** Whether the output would be longer than the limit; otherwise the input is malformed. */
  readonly isTooLong: boolean;
  /** zlib's own code, for example `Z_DATA_ERROR`, or `WS_ERR_TOO_MANY_BUFFERED_PARTS` for more streams than a peer may send. */
  readonly code: string | undefined;

  constructor(init: { readonly message: string; readonly isTooLong: boolean; readonly code?: string | undefined }) {
    super(init.message);
    this.isTooLong = init.isTooLong;
    this.code = init.code;
  }
}
