// Memory for the frames of many connections. While a turn sends to more of them than the output arena has slots, each takes a piece of a
// shared slab: a byte array for each by itself costs more than what is written to it.

import type { Region } from '../platform.ts';

/** Most bytes that one unsent frame keeps alive: the size of Buffer's own pool since Node 24. */
export const SLAB_BYTES = 65536;

/** @param allocate Its arrays of SLAB_BYTES and more begin where their ArrayBuffers do. */
export function createSlabs(allocate: (length: number) => Uint8Array): (length: number) => Region {
  let slab: Region | undefined;
  return (length) => {
    if (slab === undefined || slab.free + length > slab.bytes.length) {
      const bytes = allocate(Math.max(SLAB_BYTES, length));
      const made = { bytes, memory: bytes.buffer, free: 0 };
      // One that is made to measure does not displace what is left of the other.
      if (length > SLAB_BYTES) return made;
      slab = made;
    }
    return slab;
  };
}
