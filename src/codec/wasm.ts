// Turns the compiled module of assembly/ into a Kernel.

import { MEMORY_PAGES, PAGE_BYTES } from '../../assembly/layout.ts';
import type { Kernel } from './codec.ts';

/** Decodes base64 to bytes. */
export function bytesOfBase64(base64: string): Uint8Array<ArrayBuffer> {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < binary.length; index++) bytes[index] = binary.charCodeAt(index);
  return bytes;
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
