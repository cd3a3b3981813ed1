// Counts the messages in queued frames, for the report of a shutdown. RFC 6455 section 5.2.

import { FIN_BIT, OPCODE_CLOSE } from '../base/opcodes.ts';

const MASK_BIT = 0x80;
const OPCODE_BITS = 0x0f;

/** Reads bytes of pieces that lie one behind the other. */
class Reader {
  readonly #pieces: readonly Uint8Array[];
  #index = 0;
  #at = 0;

  constructor(pieces: readonly Uint8Array[]) {
    this.#pieces = pieces;
  }

  /** Goes over `count` bytes. @returns Whether there is a byte behind them. */
  skip(count: number): boolean {
    this.#at += count;
    while (this.#index < this.#pieces.length && this.#at >= this.#pieces[this.#index].length) {
      this.#at -= this.#pieces[this.#index++].length;
    }
    return this.#index < this.#pieces.length;
  }

  /** The next byte; 0 behind the last one. */
  next(): number {
    return this.skip(0) ? this.#pieces[this.#index][this.#at++] : 0;
  }
}

/**
 * The messages whose last frame is in `pieces`, which begin with a frame. Control frames do not count. Frames that a program has laid out wrongly
 * make the number wrong.
 */
export function countMessages(pieces: readonly Uint8Array[]): number {
  const reader = new Reader(pieces);
  let messages = 0;
  while (reader.skip(0)) {
    const first = reader.next();
    const second = reader.next();
    let length = second & ~MASK_BIT;
    const more = length === 126 ? 2 : length === 127 ? 8 : 0;
    if (more > 0) length = 0;
    for (let at = 0; at < more; at++) length = length * 256 + reader.next();
    reader.skip(length + ((second & MASK_BIT) === 0 ? 0 : 4));
    if ((first & FIN_BIT) !== 0 && (first & OPCODE_BITS) < OPCODE_CLOSE) messages++;
  }
  return messages;
}
