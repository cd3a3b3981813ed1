// Memory for long messages on their way through the library, used again and again: new memory costs a page fault for each 4 KiB of it.
// No program reaches it. A block is written before it is read, so its old bytes go nowhere.

import { OUTPUT_SLOT_BYTES } from '../../assembly/layout.ts';
import type { Blocks, Region } from '../platform.ts';

/** As long as a slot of the output arena. */
export const BLOCK_BYTES: number = OUTPUT_SLOT_BYTES;

/**
 * Makes `Platform.blocks`.
 *
 * @param most Largest number of free blocks that are kept. All others are left to the garbage collector.
 */
export function createBlocks(allocate: (length: number) => Uint8Array, most: number): Blocks {
  const free: Region[] = [];
  return {
    take() {
      const block = free.pop();
      if (block !== undefined) return block;
      const bytes = allocate(BLOCK_BYTES);
      return { bytes, memory: bytes.buffer, free: -1 };
    },
    release(block) {
      if (free.length < most) free.push(block);
    },
  };
}
