// Replaces src/codec/load.ts in the bundles, which only Deno runs: it has SIMD, never forbids WebAssembly, and knows Brotli, which saves
// a quarter of the module's size on the wire. See .ci/bundle.mjs.

import { Buffer } from 'node:buffer';
import { brotliDecompressSync } from 'node:zlib';
import { Codec, type Kernel } from '../../src/codec/codec.ts';
import { SIMD_MODULE_BROTLI } from '../../src/codec/embedded.ts';
import { kernelOfModule } from '../../src/codec/wasm.ts';

let shared: Codec | undefined;

/** The codec of this thread, made at the first call. */
export function sharedCodec(): Codec {
  return (shared ??= new Codec(loadKernel()));
}

/** Makes a kernel with separate memory. */
export function loadKernel(): Kernel {
  const bytes = brotliDecompressSync(Buffer.from(SIMD_MODULE_BROTLI, 'base64'));
  return kernelOfModule(new WebAssembly.Module(bytes), 'wasm-simd');
}
