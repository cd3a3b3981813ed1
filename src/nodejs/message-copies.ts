// Buffers for users, filled from codec memory.
//
// A chunk full of small messages is copied once, in windows, and each message is a view of its window: making a Buffer costs more
// than decoding a frame, and filling each by itself doubles that (Node 20, 125 bytes: 240 ns against 120 ns). Windows are cut from
// a slab, which saves making an ArrayBuffer for each.

import { Buffer } from 'node:buffer';
import type { Codec } from '../codec/codec.ts';
import { makeView } from './views.ts';

/** Most bytes that one small message keeps alive: the size of Buffer's own pool since Node 24. */
const SLAB_BYTES = 65536;
/** Longest window. */
const WINDOW_BYTES = 8192;
/** A message of at least this many bytes gets memory of its own. */
const ALONE_FROM = 2048;

/** Makes a Buffer of `length` bytes of `slab`, which begins with `memory`, from `start` on. */
type Cut = (slab: Buffer, memory: ArrayBuffer, start: number, length: number) => Buffer;

export class MessageCopies {
  readonly #codec: Codec;
  readonly #cut: Cut;
  #slab: Buffer<ArrayBuffer> = Buffer.alloc(0);
  #memory: ArrayBuffer = this.#slab.buffer;
  /** Where the free part of the slab starts. */
  #free = 0;
  /** The window's place in codec memory. */
  #start = 0;
  #end = 0;
  /** What to add to an address in the window to get its index in the slab. */
  #shift = 0;
  #generation = -1;

  /** @param cut Default: what is cheapest on V8. */
  constructor(codec: Codec, cut: Cut = (_slab, memory, start, length) => makeView(memory, start, length)) {
    this.#codec = codec;
    this.#cut = cut;
  }

  /** Copies [start, end) of codec memory, which belongs to the chunk that was decoded last. */
  copy(start: number, end: number): Buffer {
    if (end - start >= ALONE_FROM) return this.#copyAlone(start, end);
    if (this.#generation !== this.#codec.generation || start < this.#start || end > this.#end) this.#openWindow(start);
    return this.#cut(this.#slab, this.#memory, start + this.#shift, end - start);
  }

  #openWindow(start: number): void {
    const codec = this.#codec;
    const end = Math.min(start + WINDOW_BYTES, codec.decodedEnd);
    if (this.#free + end - start > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#memory = this.#slab.buffer;
      this.#free = 0;
    }
    this.#slab.set(new Uint8Array(codec.kernel.memory, start, end - start), this.#free);
    this.#shift = this.#free - start;
    this.#free += end - start;
    this.#start = start;
    this.#end = end;
    this.#generation = codec.generation;
  }

  #copyAlone(start: number, end: number): Buffer {
    const bytes = Buffer.allocUnsafe(end - start);
    bytes.set(new Uint8Array(this.#codec.kernel.memory, start, end - start));
    return bytes;
  }
}
