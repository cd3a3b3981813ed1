// Stands in for load.ts in bundles for runtimes that are known to run the module with SIMD. See .ci/bundle.mjs.

import { Codec, type Kernel } from './codec.ts';
import { SIMD_MODULE } from './embedded.ts';
import { bytesOfBase64, kernelOfModule } from './wasm.ts';

let shared: Codec | undefined;

/** The codec of this thread, made at the first call. */
export function sharedCodec(): Codec {
  return (shared ??= new Codec(loadKernel()));
}

/** Makes a kernel with a memory of its own. */
export function loadKernel(): Kernel {
  return kernelOfModule(new WebAssembly.Module(bytesOfBase64(SIMD_MODULE)), 'wasm-simd');
}
