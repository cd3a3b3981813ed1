// Buffers for users, filled from codec memory.
//
// A chunk full of small messages is copied once, in windows, and each message is a view of its window: making a Buffer costs more
// than decoding a frame, and filling each by itself doubles that (Node 20, 125 bytes: 240 ns against 120 ns).

import { Buffer } from 'node:buffer';
import type { Codec } from '../../src/codec/codec.ts';

/**
 * Most bytes that one kept message can keep alive besides its own: what Buffer's own pool keeps as well.
 */
const WINDOW_BYTES = 8192;
/** A message of at least this many bytes gets memory of its own. */
const ALONE_FROM = 2048;

export class MessageCopies {
  readonly #codec: Codec;
  #window: Buffer = Buffer.alloc(0);
  #start = 0;
  #end = 0;
  #generation = -1;

  constructor(codec: Codec) {
    this.#codec = codec;
  }

  /** Copies [start, end) of codec memory, which belongs to the chunk that was decoded last. */
  copy(start: number, end: number): Buffer {
    if (end - start >= ALONE_FROM) return this.#copyOut(start, end);
    const codec = this.#codec;
    if (this.#generation !== codec.generation || start < this.#start || end > this.#end) {
      this.#generation = codec.generation;
      this.#start = start;
      this.#end = Math.min(start + WINDOW_BYTES, codec.decodedEnd);
      this.#window = this.#copyOut(start, this.#end);
      if (end === this.#end) return this.#window;
    }
    return this.#window.subarray(start - this.#start, end - this.#start);
  }

  #copyOut(start: number, end: number): Buffer {
    const bytes = Buffer.allocUnsafe(end - start);
    bytes.set(this.#codec.memory.subarray(start, end));
    return bytes;
  }
}
