// The WebAssembly modules of the bundles, which only Deno runs: it has SIMD, never forbids WebAssembly, and knows Brotli, which saves a
// quarter of their size on the wire.

import { Buffer } from 'node:buffer';
import { brotliDecompressSync } from 'node:zlib';
import { BUNDLED_CODEC_BYTES, BUNDLED_MODULES } from '../../src/codec/embedded.ts';

/** Makes the module in the bytes from `start` to `end`. */
function bundledModule(start: number, end?: number): WebAssembly.Module {
  return new WebAssembly.Module(brotliDecompressSync(Buffer.from(BUNDLED_MODULES, 'base64')).subarray(start, end));
}

export const codecModule = (): WebAssembly.Module => bundledModule(0, BUNDLED_CODEC_BYTES);
export const deflateModule = (): WebAssembly.Module => bundledModule(BUNDLED_CODEC_BYTES);
