// Stands in for src/deflate/load.ts in the bundles, as bundled-codec.ts does for the codec.

import { Buffer } from 'node:buffer';
import { inflateRawSync } from 'node:zlib';
import { DEFLATE_SIMD_MODULE_DEFLATED } from '../../src/deflate/embedded.ts';
import { DeflateKernel } from '../../src/deflate/kernel.ts';

let shared: DeflateKernel | undefined;

/** The kernel of this thread, made at the first call. */
export function sharedDeflateKernel(): DeflateKernel {
  return (shared ??= makeKernel());
}

function makeKernel(): DeflateKernel {
  const bytes = inflateRawSync(Buffer.from(DEFLATE_SIMD_MODULE_DEFLATED, 'base64'));
  return new DeflateKernel(new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports);
}
