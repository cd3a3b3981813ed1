// A DeflateEngine over node:zlib, which Node.js, Deno, Bun and workerd have. The adapter passes the module in.
//
// zlib's streams hand each chunk to a thread and back: 50 to 70 µs for a message of 1 KiB that takes 1.4 µs to inflate (Node 24).
// Their handles can do the same work at once (`writeSync`), with the same context. They are internals, so they are tried out
// first, and where they do not work the public one-shot functions stand in, with the window passed on as a dictionary.

import { now } from '../clock.ts';
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
  DEFLATE_SLICE,
  emptyMessage,
  TAIL,
  Z_SYNC_FLUSH,
  type Handle,
  type ZlibModule,
  type ZlibStream,
} from './zlib-module.ts';
import { createOneShotEngine } from './zlib-one-shot.ts';

export type { ZlibModule } from './zlib-module.ts';

const Z_NO_FLUSH = 0;
/** Output is gathered here first; a result that fits is lent from it. */
const SCRATCH_BYTES = 65536;
/** Most output that is inflated in one slice: about 2.5 ms of JSON, 0.4 ms of a run. */
const INFLATE_SLICE = 1048576;
/** Most input of one call of zlib: 0.2 ms of JSON at level 6, 1 ms of blocks made to be slow to inflate. */
const PIECE_BYTES = 8192;
/** How much of a long result is put together in one slice. */
const COPY_SLICE = 1048576;
/** When a slice takes no other piece. It ends after 2 to 3 ms, for data differ in cost by a factor of a hundred. */
const SLICE_MILLISECONDS = 2;

const NONE = new Uint8Array(0);
const scratch = new Uint8Array(SCRATCH_BYTES);

/** Whether a slice that began then is over; so it is when the clock was set back. */
function isOver(started: number): boolean {
  const spent = now() - started;
  return spent >= SLICE_MILLISECONDS || spent < 0;
}

/** Gathers the output of one job. */
class Output {
  isOwned: boolean = false;
  #chunks: Uint8Array[] | null = null;
  #kept = 0;
  used = 0;
  /** What {@link take} copies the chunks to, and how far it has come. */
  #whole: Uint8Array | null = null;
  #copied = 0;
  #next = 0;

  get length(): number {
    return this.#kept + this.used;
  }

  /** Moves what is in the scratch buffer to memory of its own, before somebody else uses it. */
  keep(): void {
    if (this.used === 0) return;
    (this.#chunks ??= []).push(scratch.slice(0, this.used));
    this.#kept += this.used;
    this.used = 0;
  }

  /**
   * Everything but the last `without` bytes. Nothing may be added after the first call.
   *
   * @returns Null when there is more to copy than a slice allows; call again in a later turn then.
   */
  take(without: number): Uint8Array | null {
    const length = this.length - without;
    if (this.#chunks === null) return scratch.subarray(0, length);
    this.keep();
    this.isOwned = true;
    const chunks = this.#chunks;
    if (chunks.length === 1) return chunks[0].subarray(0, length);
    this.#whole ??= new Uint8Array(this.#kept);
    for (let copied = 0; this.#next < chunks.length; this.#next++) {
      if (copied >= COPY_SLICE) return null;
      const chunk = chunks[this.#next];
      this.#whole.set(chunk, this.#copied);
      this.#copied += chunk.length;
      copied += chunk.length;
      chunks[this.#next] = NONE;
    }
    return this.#whole.subarray(0, length);
  }
}

/** zlib's names of what can be wrong with a stream. */
const ERROR_NAMES: Readonly<Record<number, string>> = { 2: 'Z_NEED_DICT', [-3]: 'Z_DATA_ERROR', [-5]: 'Z_BUF_ERROR' };

/** A zlib context driven at once. */
class Context {
  readonly #stream: ZlibStream;
  readonly #handle: Handle;
  readonly #state: Uint32Array;
  #failure: { message: string; code: string | undefined } | null = null;
  #isClosed = false;

  constructor(stream: ZlibStream) {
    const { _handle: handle, _writeState: state } = stream;
    // Without `onerror`, as on workerd, an error is the stream's to tell, later. Found out by the member: bad input would be reported as uncaught.
    const members = [handle?.writeSync, handle?.reset, handle?.onerror];
    if (!handle || !state || members.some((member) => typeof member !== 'function')) {
      throw new Error('zlib handles are not what they were');
    }
    this.#stream = stream;
    this.#handle = handle;
    this.#state = state;
    handle.onerror = (message, number, code) => {
      // Deno gives the number alone.
      this.#failure = { message, code: code ?? ERROR_NAMES[number] };
    };
  }

  /**
   * Runs zlib once over `input[offset, offset + length)`, into the scratch buffer behind `output.used`.
   *
   * @returns How many bytes of the input are left. With the scratch buffer not full, that means the stream has ended.
   */
  run(flush: number, input: Uint8Array, offset: number, length: number, output: Output): number {
    // Node.js ends the process when a closed handle is used.
    if (this.#isClosed) throw closedError();
    const room = SCRATCH_BYTES - output.used;
    const state = this.#state;
    // Not left as it was: a handle that does not do its work at once would seem to give output without end.
    state[0] = SCRATCH_BYTES + 1;
    this.#handle.writeSync(flush, input, offset, length, scratch, output.used, room);
    if (this.#failure !== null) throw new InflateError({ ...this.#failure, isTooLong: false });
    if (state[0] > room) throw new Error('zlib has not done its work');
    output.used += room - state[0];
    return state[1];
  }

  reset(): void {
    this.#handle.reset();
  }

  close(): void {
    this.#isClosed = true;
    this.#stream.close();
  }
}

class DeflateRun implements DeflateJob {
  readonly #context: Context;
  #data: Uint8Array;
  readonly #isFinal: boolean;
  readonly #resets: boolean;
  readonly #output: Output = new Output();
  #at = 0;
  #isDone = false;

  constructor(context: Context, data: Uint8Array, isFinal: boolean, resets: boolean) {
    this.#context = context;
    this.#data = data;
    this.#isFinal = isFinal;
    this.#resets = resets;
  }

  get isOwned(): boolean {
    return this.#output.isOwned;
  }

  step(): Uint8Array | null {
    if (!this.#isDone && !this.#run()) return null;
    if (!this.#isFinal) return this.#output.take(0);
    // A flush right after a flush gives nothing, but even an empty message needs a block.
    return this.#output.length < TAIL.length ? emptyMessage() : this.#output.take(TAIL.length);
  }

  detach(copy: (source: Uint8Array, start: number, end: number) => Uint8Array): void {
    this.#data = copy(this.#data, this.#at, this.#data.length);
    this.#at = 0;
  }

  /** @returns Whether all input is deflated. */
  #run(): boolean {
    const data = this.#data;
    const output = this.#output;
    const pause = this.#at + DEFLATE_SLICE;
    const started = data.length > PIECE_BYTES ? now() : 0;
    while (!this.#isDone) {
      const end = Math.min(data.length, this.#at + PIECE_BYTES);
      this.#isDone = end === data.length;
      let left = end - this.#at;
      do {
        if (output.used === SCRATCH_BYTES) output.keep();
        left = this.#context.run(this.#isDone ? Z_SYNC_FLUSH : Z_NO_FLUSH, data, end - left, left, output);
      } while (left > 0 || output.used === SCRATCH_BYTES);
      this.#at = end;
      if (!this.#isDone && (end >= pause || isOver(started))) {
        output.keep();
        return false;
      }
    }
    if (this.#isFinal && this.#resets) this.#context.reset();
    return true;
  }
}

class InflateRun implements DeflateJob {
  readonly #context: Context;
  readonly #limit: number;
  readonly #resets: boolean;
  readonly #output: Output = new Output();
  #input: Uint8Array;
  #at = 0;
  #isDone = false;

  constructor(context: Context, data: Uint8Array, limit: number, resets: boolean) {
    this.#context = context;
    this.#input = data;
    this.#limit = limit;
    this.#resets = resets;
  }

  get isOwned(): boolean {
    return this.#output.isOwned;
  }

  step(): Uint8Array | null {
    if (!this.#isDone && !this.#run()) return null;
    return this.#output.take(0);
  }

  /** @returns Whether all input is inflated. */
  #run(): boolean {
    const context = this.#context;
    const output = this.#output;
    const pause = output.length + INFLATE_SLICE;
    let started = 0;
    for (;;) {
      const input = this.#input;
      const length = Math.min(input.length - this.#at, PIECE_BYTES);
      const left = context.run(Z_SYNC_FLUSH, input, this.#at, length, output);
      this.#at += length - left;
      if (this.#limit > 0 && output.length > this.#limit) {
        throw new InflateError({ message: 'Max payload size exceeded', isTooLong: true });
      }
      if (output.used === SCRATCH_BYTES) {
        output.keep();
      } else {
        // Input is left although there was room: a block with BFINAL ended the stream (RFC 7692 section 7.2.3.4). What follows is another.
        if (left > 0) context.reset();
        if (input === TAIL) break;
        if (this.#at === input.length) {
          this.#input = TAIL;
          this.#at = 0;
          continue;
        }
      }
      if (started === 0) started = now();
      if (output.length >= pause || isOver(started)) {
        output.keep();
        return false;
      }
    }
    if (this.#resets) context.reset();
    this.#isDone = true;
    return true;
  }
}

function createHandleEngine(zlib: ZlibModule): DeflateEngine {
  return {
    createDeflator({ windowBits, noContextTakeover, zlib: options }): Deflator {
      const context = new Context(zlib.createDeflateRaw({ level: DEFAULT_LEVEL, ...options, windowBits }));
      return {
        deflate: (data, isFinal) => new DeflateRun(context, data, isFinal, noContextTakeover),
        close: () => context.close(),
      };
    },
    createInflator({ windowBits, noContextTakeover, zlib: options }): Inflator {
      const context = new Context(zlib.createInflateRaw({ ...options, windowBits }));
      return {
        inflate: (data, limit) => new InflateRun(context, data, limit, noContextTakeover),
        close: () => context.close(),
      };
    },
  };
}

/** Whether an engine gives back what it was given, twice in one context. */
function works(engine: DeflateEngine): boolean {
  try {
    const options: ContextOptions = { windowBits: 15, noContextTakeover: false };
    const deflator = engine.createDeflator(options);
    const inflator = engine.createInflator(options);
    const message = new Uint8Array([104, 101, 108, 108, 111, 104, 101, 108, 108, 111]);
    const isRoundTrip = [1, 2].every(() => {
      const packed = deflator.deflate(message, true).step();
      const plain = packed && inflator.inflate(packed.slice(), 0).step();
      return plain?.length === message.length && message.every((byte, index) => plain[index] === byte);
    });
    deflator.close();
    inflator.close();
    return isRoundTrip;
  } catch {
    return false;
  }
}

/** Makes an engine over node:zlib: over its handles where they work, else over its public functions. */
export function createZlibEngine(zlib: ZlibModule, allowsHandles: boolean = true): DeflateEngine {
  const engine = createHandleEngine(zlib);
  return allowsHandles && works(engine) ? engine : createOneShotEngine(zlib);
}
