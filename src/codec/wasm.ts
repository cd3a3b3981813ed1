// Turns the compiled module of assembly/ into a Kernel.

import { MEMORY_PAGES, PAGE_BYTES } from '../../assembly/layout.ts';
import type { Kernel } from './codec.ts';

const FIRST = 40;
const BACKSLASH = 92;
/** Stands for the backslash, which a string literal would have to escape. */
const BACKSLASH_SIGN = 33;
/** `#` and `$` stand before a byte of the second and of the third range. */
const SECOND_SIGN = 35;
const THIRD_SIGN = 36;
const SECOND_RANGE = 84;
const THIRD_RANGE = 170;

/**
 * Decodes a module of `embedded.ts`. One character from `(` on stands for each byte below 84, and two characters for each other byte. In this form gzip finds
 * repeated instructions, which base64 hides from it. The text is ASCII, because a page without a charset would change other characters.
 */
export function decodeModule(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  let length = 0;
  let range = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === SECOND_SIGN) range = SECOND_RANGE;
    else if (code === THIRD_SIGN) range = THIRD_RANGE;
    else {
      bytes[length++] = range + (code === BACKSLASH_SIGN ? BACKSLASH : code) - FIRST;
      range = 0;
    }
  }
  return bytes.slice(0, length);
}

/** Instantiates `module`, which has no imports and no start function: this runs none of its code yet. */
export function kernelOfModule(module: WebAssembly.Module, name: Kernel['name']): Kernel {
  return kernelOfExports(new WebAssembly.Instance(module).exports, name);
}

/** @param exports Of an instance that has no other user. */
export function kernelOfExports(exports: Readonly<Record<string, unknown>>, name: Kernel['name']): Kernel {
  const memory = (exports['memory'] as WebAssembly.Memory).buffer;
  if (memory.byteLength !== MEMORY_PAGES * PAGE_BYTES) {
    throw new Error(
      `The codec module has ${memory.byteLength} bytes of memory; this build expects ${MEMORY_PAGES * PAGE_BYTES}`,
    );
  }
  return {
    name,
    memory,
    decode: exports['decode'] as Kernel['decode'],
    encodeFrame: exports['encodeFrame'] as Kernel['encodeFrame'],
    mask: exports['mask'] as Kernel['mask'],
    validate: exports['validate'] as Kernel['validate'],
  };
}
