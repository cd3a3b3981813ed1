// A DeflateEngine over our own DEFLATE module. A connection keeps the bytes of its windows and nothing else. The module's one working
// memory holds the windows of a few busy connections (kernel.ts), so a run of messages of these copies none.

import {
  CODE_LENGTHS,
  CODE_LENGTHS_BYTES,
  DEFLATE_OUT,
  INFLATE_BIT_COUNT,
  INFLATE_FAILED,
  INFLATE_FINAL,
  INFLATE_HISTORY,
  INFLATE_IN,
  INFLATE_IN_BYTES,
  INFLATE_INPUT,
  INFLATE_INPUT_END,
  INFLATE_MODE,
  INFLATE_MODE_STORED_LENGTH,
  INFLATE_NEEDS_INPUT,
  INFLATE_OUT,
  INFLATE_OUT_BYTES,
  INFLATE_OUTPUT,
  INFLATE_OUTPUT_END,
  INFLATE_STREAM_END,
  WINDOW_BYTES,
} from '../../assembly/deflate/layout.ts';
import { checkInteger } from '../base/options.ts';
import { now } from '../clock.ts';
import {
  InflateError,
  type ContextOptions,
  type DeflateEngine,
  type DeflateJob,
  type Deflator,
  type Inflator,
} from './engine.ts';
import { NO_TURN, type DeflateKernel, type Resident, type ResidentDeflator } from './kernel.ts';
import { closedError, concat, DEFAULT_LEVEL, DEFLATE_SLICE, dictionaryOf, NONE, TAIL } from './messages.ts';

const INFLATE_END = INFLATE_OUT + INFLATE_OUT_BYTES;
/** Room that a message finds before history is moved to the front. A longer message is gathered in pieces. */
const INFLATE_ROOM = 65536;
/** Most input that one call of the inflater gets. */
const INFLATE_PIECE = INFLATE_IN_BYTES;
/** Most output of one slice, where the clock stands. */
const INFLATE_SLICE = 1048576;
/** Most data that one call of the deflater gets. */
const DEFLATE_PIECE = 16384;
/** When a slice takes no other piece. By the clock, since data differ in cost by a factor of a hundred. */
const SLICE_MILLISECONDS = 2;

/** Errors of the input, by the module's results from INFLATE_FAILED on. The messages are zlib's, because programs of ws know them. */
const FAULTS = [
  'invalid block type',
  'invalid stored block lengths',
  'too many length or distance symbols',
  'invalid code lengths set',
  'invalid bit length repeat',
  'invalid code -- missing end-of-block',
  'invalid literal/lengths set',
  'invalid distances set',
  'invalid literal/length code',
  'invalid distance code',
  'invalid distance too far back',
];

/**
 * Copies a window out of the module's memory, into the buffer that it was in if that has the length. A window that is full keeps its
 * buffer, so a connection whose messages take turns with others' allocates none.
 */
function keepWindow(before: Uint8Array, memory: Uint8Array, start: number, end: number): Uint8Array {
  if (before.length !== end - start) return memory.slice(start, end);
  before.set(memory.subarray(start, end));
  return before;
}

/** Whether a slice that began then is over; so it is when the clock was set back. */
function isOver(started: number): boolean {
  const spent = now() - started;
  return spent >= SLICE_MILLISECONDS || spent < 0;
}

/** An inflater's state in the middle of a message. */
interface Suspended {
  readonly state: Uint32Array;
  readonly lengths: Uint8Array;
}

class WasmInflator implements Inflator, Resident {
  readonly kernel: DeflateKernel;
  readonly windowBytes: number;
  readonly #startsAfresh: boolean;
  /** The window of the first message, of each one that starts afresh, and of each further stream. */
  readonly dictionary: Uint8Array;
  /** The window, out of date while it is in the module's memory; null once closed. */
  #window: Uint8Array | null;
  /** Whether the window is the dictionary, which others have as well, so that it is not written to. */
  #isShared = true;
  #suspended: Suspended | null = null;

  constructor(kernel: DeflateKernel, options: ContextOptions) {
    const { windowBits, noContextTakeover } = options;
    this.kernel = kernel;
    this.windowBytes = 2 ** windowBits;
    this.#window = this.dictionary = dictionaryOf(options);
    this.#startsAfresh = noContextTakeover;
  }

  inflate(data: Uint8Array, limit: number, isFinal: boolean = true): DeflateJob {
    return new InflateRun(this, data, limit, isFinal);
  }

  /** Puts the window into the module's memory, if it is not there. */
  admit(): void {
    if (this.#window === null) throw closedError();
    if (!this.kernel.admitInflator(this)) return;
    const { memory, state, exports } = this.kernel;
    const window = this.#window;
    if (this.#isShared) this.#window = NONE;
    this.#isShared = false;
    state.fill(0);
    if (this.#suspended !== null) {
      state.set(this.#suspended.state);
      memory.set(this.#suspended.lengths, CODE_LENGTHS);
      exports.restoreInflate();
      this.#suspended = null;
    }
    memory.set(window, INFLATE_OUT);
    state[INFLATE_HISTORY] = INFLATE_OUT;
    state[INFLATE_OUTPUT] = INFLATE_OUT + window.length;
  }

  evict(): void {
    const { memory, state } = this.kernel;
    const end = state[INFLATE_OUTPUT];
    this.#window = keepWindow(this.#window!, memory, Math.max(state[INFLATE_HISTORY], end - this.windowBytes), end);
    if (state[INFLATE_MODE] !== 0 || state[INFLATE_BIT_COUNT] !== 0) {
      this.#suspended = { state: state.slice(), lengths: memory.slice(CODE_LENGTHS, CODE_LENGTHS + CODE_LENGTHS_BYTES) };
    }
  }

  /** Ends a message. */
  finish(): void {
    if (!this.#startsAfresh) return;
    this.kernel.releaseInflator(this);
    this.#window = this.dictionary;
    this.#isShared = true;
  }

  close(): void {
    this.kernel.releaseInflator(this);
    this.#window = null;
    this.#suspended = null;
  }
}

class InflateRun implements DeflateJob {
  isOwned: boolean = false;
  readonly #inflator: WasmInflator;
  readonly #data: Uint8Array;
  readonly #limit: number;
  readonly #isFinal: boolean;
  /** The next byte, of the data or of the four behind a message. */
  #at = 0;
  #length = 0;
  readonly #chunks: Uint8Array[] = [];
  /** Where output begins that is in no chunk. */
  #start = 0;
  /** Added to an address in the module's input, it gives an offset into the data. */
  #origin = 0;

  constructor(inflator: WasmInflator, data: Uint8Array, limit: number, isFinal: boolean) {
    this.#inflator = inflator;
    this.#data = data;
    this.#limit = limit;
    this.#isFinal = isFinal;
  }

  step(): Uint8Array | null {
    const inflator = this.#inflator;
    inflator.admit();
    const { state } = inflator.kernel;
    this.#start = state[INFLATE_OUTPUT];
    this.#makeRoom(INFLATE_ROOM);
    this.#loadPiece();
    const pause = this.#length + INFLATE_SLICE;
    let started = 0;
    // A message without bytes has nothing to run, unless fragments came before it.
    if (this.#at === 0 && this.#data.length === 0 && this.#hasEnded()) return this.#finish();
    while (!this.#run()) {
      if (started === 0) started = now();
      if (this.#length >= pause || isOver(started)) {
        this.#keep();
        return null;
      }
      this.#makeRoom(1);
    }
    return this.#finish();
  }

  #finish(): Uint8Array {
    const inflator = this.#inflator;
    const { state, memory } = inflator.kernel;
    if (this.#isFinal) inflator.finish();
    if (this.#chunks.length === 0) return memory.subarray(this.#start, state[INFLATE_OUTPUT]);
    this.#keep();
    this.isOwned = true;
    return concat(this.#chunks);
  }

  /** Copies the next part of the data, or of the four bytes after it, to the place where the module reads. */
  #loadPiece(): void {
    const { state, memory } = this.#inflator.kernel;
    const data = this.#data;
    const at = this.#at;
    let piece = data;
    if (at >= data.length) piece = this.#isFinal ? TAIL.subarray(at - data.length) : NONE;
    else if (at > 0 || data.length > INFLATE_PIECE) piece = data.subarray(at, at + INFLATE_PIECE);
    memory.set(piece, INFLATE_IN);
    state[INFLATE_INPUT] = INFLATE_IN;
    state[INFLATE_INPUT_END] = INFLATE_IN + piece.length;
    this.#origin = at - INFLATE_IN;
  }

  /** Runs the module once. @returns Whether all is inflated. */
  #run(): boolean {
    const { windowBytes, kernel } = this.#inflator;
    const { state, exports } = kernel;
    const from = state[INFLATE_OUTPUT];
    const room = this.#limit > 0 ? this.#limit - this.#length + 1 : INFLATE_OUT_BYTES;
    state[INFLATE_OUTPUT_END] = Math.min(INFLATE_END, from + room);
    const result = exports.inflate(windowBytes);
    const input = state[INFLATE_INPUT];
    this.#at = this.#origin + input;
    this.#length += state[INFLATE_OUTPUT] - from;
    if (result >= INFLATE_FAILED) fail(FAULTS[result - INFLATE_FAILED], 'Z_DATA_ERROR');
    if (this.#limit > 0 && this.#length > this.#limit) {
      throw new InflateError({ message: 'Max payload size exceeded', isTooLong: true });
    }
    if (result === INFLATE_STREAM_END) {
      this.#beginStream();
      if (this.#at >= this.#data.length) return true;
    } else if (result === INFLATE_NEEDS_INPUT && this.#hasEnded()) {
      return true;
    }
    // Bytes that were read ahead may have been given back from the piece before.
    if (input < INFLATE_IN || input === state[INFLATE_INPUT_END]) this.#loadPiece();
    return false;
  }

  /** Bytes after a block with BFINAL are another stream (RFC 7692 section 7.2.3.4). As with zlib, it starts with the dictionary. */
  #beginStream(): void {
    const { dictionary, kernel } = this.#inflator;
    const { state, memory } = kernel;
    state[INFLATE_HISTORY] = state[INFLATE_OUTPUT];
    if (dictionary.length === 0) return;
    this.#keep();
    this.#makeRoom(dictionary.length + INFLATE_ROOM);
    memory.set(dictionary, state[INFLATE_OUTPUT]);
    state[INFLATE_HISTORY] = state[INFLATE_OUTPUT];
    state[INFLATE_OUTPUT] = this.#start = state[INFLATE_OUTPUT] + dictionary.length;
  }

  /** Whether all input is used. A message has to end between two blocks, with the four bytes behind it or without them. */
  #hasEnded(): boolean {
    if (this.#at < this.#data.length) return false;
    if (!this.#isFinal) return true;
    const { state } = this.#inflator.kernel;
    // Most messages end where the four bytes would only say that their last block, a stored one, is empty.
    const last = this.#at === this.#data.length && state[INFLATE_FINAL] === 0 ? INFLATE_MODE_STORED_LENGTH : 0;
    if (state[INFLATE_MODE] <= last && state[INFLATE_BIT_COUNT] === 0) {
      state[INFLATE_MODE] = 0;
      return true;
    }
    if (this.#at < this.#data.length + TAIL.length) return false;
    return fail('unexpected end of file', 'Z_BUF_ERROR');
  }

  /** Moves the history to the front where less than `bytes` are left behind it. */
  #makeRoom(bytes: number): void {
    const { state, memory } = this.#inflator.kernel;
    const end = state[INFLATE_OUTPUT];
    if (INFLATE_END - end >= bytes) return;
    this.#keep();
    const history = Math.max(state[INFLATE_HISTORY], end - WINDOW_BYTES);
    memory.copyWithin(INFLATE_OUT, history, end);
    state[INFLATE_HISTORY] = INFLATE_OUT;
    state[INFLATE_OUTPUT] = this.#start = INFLATE_OUT + end - history;
  }

  /** Copies output out of the module's memory. */
  #keep(): void {
    const { state, memory } = this.#inflator.kernel;
    const end = state[INFLATE_OUTPUT];
    if (end > this.#start) this.#chunks.push(memory.slice(this.#start, end));
    this.#start = end;
  }
}

function fail(message: string, code: string): never {
  throw new InflateError({ message, isTooLong: false, code });
}

class WasmDeflator implements Deflator, ResidentDeflator {
  readonly kernel: DeflateKernel;
  context: number = -1;
  turn: number = NO_TURN;
  readonly windowBytes: number;
  readonly #level: number;
  readonly #startsAfresh: boolean;
  /** The window of each message that starts afresh. */
  readonly #dictionary: Uint8Array;
  /** The window, out of date while it is in the module's memory; null once closed. */
  #window: Uint8Array | null;
  /** Whether others may have the same window, so that it is not written to. */
  #isShared = true;
  /** Less than a byte of output, in the middle of a message. */
  #bits = 0;
  /** The job that has begun and is not done. */
  running: DeflateRun | null = null;

  constructor(kernel: DeflateKernel, options: ContextOptions) {
    const { windowBits, noContextTakeover, zlib } = options;
    this.kernel = kernel;
    const level = zlib?.['level'] ?? DEFAULT_LEVEL;
    checkInteger('level', level, -1, 9);
    this.#level = level === -1 ? 6 : (level as number);
    // A stored block refers to no window.
    this.windowBytes = this.#level === 0 ? 0 : 2 ** windowBits;
    this.#window = this.#level === 0 ? NONE : dictionaryOf(options);
    this.#dictionary = noContextTakeover ? this.#window : NONE;
    this.#startsAfresh = noContextTakeover;
  }

  deflate(data: Uint8Array, isFinal: boolean): DeflateJob {
    return new DeflateRun(this, data, isFinal);
  }

  get sharedWindow(): Uint8Array | null {
    return this.#isShared ? this.#window : null;
  }

  takeWindow(): Uint8Array {
    if (this.#window === null) throw closedError();
    this.kernel.expelDeflator(this);
    this.#isShared = true;
    return this.#window;
  }

  adoptWindow(window: Uint8Array): void {
    if (this.#window === null) throw closedError();
    this.kernel.releaseDeflator(this);
    this.#window = window;
    this.#isShared = true;
  }

  /** Puts the window into the module's memory, if it is not there. */
  admit(): void {
    if (this.#window === null) throw closedError();
    const { kernel } = this;
    const { memory, exports } = kernel;
    if (kernel.admitDeflator(this)) {
      const window = this.#window;
      if (this.#isShared) this.#window = NONE;
      this.#isShared = false;
      memory.set(window, exports.startDeflate(window.length, this.windowBytes, this.#level));
    }
    if (this.#bits !== 0) exports.restoreBits(this.#bits);
    this.#bits = 0;
  }

  suspend(): void {
    if (this.running === null) return;
    const { exports } = this.kernel;
    exports.suspendDeflate();
    this.running.keep();
    this.#bits = exports.takeBits();
  }

  evict(): void {
    const { memory, exports } = this.kernel;
    const end = exports.historyEnd();
    this.#window = keepWindow(this.#window!, memory, end - Math.min(this.windowBytes, exports.historyLength()), end);
  }

  /** Ends a frame. @param isFinal Whether it ends the message. */
  finish(isFinal: boolean): void {
    this.running = null;
    if (isFinal && this.#startsAfresh) this.adoptWindow(this.#dictionary);
  }

  close(): void {
    this.kernel.releaseDeflator(this);
    this.#window = null;
    this.running = null;
  }
}

class DeflateRun implements DeflateJob {
  isOwned: boolean = false;
  readonly #deflator: WasmDeflator;
  #data: Uint8Array;
  readonly #isFinal: boolean;
  readonly #chunks: Uint8Array[] = [];
  #at = 0;

  constructor(deflator: WasmDeflator, data: Uint8Array, isFinal: boolean) {
    this.#deflator = deflator;
    this.#data = data;
    this.#isFinal = isFinal;
  }

  detach(copy: (source: Uint8Array, start: number, end: number) => Uint8Array): void {
    this.#data = copy(this.#data, this.#at, this.#data.length);
    this.#at = 0;
  }

  step(): Uint8Array | null {
    const deflator = this.#deflator;
    const data = this.#data;
    deflator.admit();
    deflator.running = this;
    const { memory, exports } = deflator.kernel;
    const started = data.length > DEFLATE_PIECE ? now() : 0;
    const pause = this.#at + DEFLATE_SLICE;
    for (;;) {
      const end = Math.min(data.length, this.#at + DEFLATE_PIECE);
      const size = end - this.#at;
      memory.set(size === data.length ? data : data.subarray(this.#at, end), exports.makeRoom(size));
      this.#at = end;
      const isLast = end === data.length;
      exports.deflate(size, isLast);
      if (isLast) break;
      this.keep();
      if (end >= pause || isOver(started)) return null;
    }
    deflator.finish(this.#isFinal);
    if (this.#chunks.length === 0) return memory.subarray(DEFLATE_OUT, DEFLATE_OUT + exports.takeOutput() - this.#left());
    this.keep();
    this.isOwned = true;
    const bytes = concat(this.#chunks);
    return bytes.subarray(0, bytes.length - this.#left());
  }

  /** Bytes of the flush that the wire leaves out (RFC 7692 section 7.2.1). */
  #left(): number {
    return this.#isFinal ? TAIL.length : 0;
  }

  /** Copies output out of the module's memory. */
  keep(): void {
    const { memory, exports } = this.#deflator.kernel;
    const length = exports.takeOutput();
    if (length > 0) this.#chunks.push(memory.slice(DEFLATE_OUT, DEFLATE_OUT + length));
  }
}

/** Makes the engine. @param load Called when a connection first compresses. */
export function createWasmEngine(load: () => DeflateKernel): DeflateEngine {
  return {
    createDeflator: (options) => new WasmDeflator(load(), options),
    createInflator: (options) => new WasmInflator(load(), options),
  };
}
