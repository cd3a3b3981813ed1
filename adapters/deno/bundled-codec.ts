// Replaces src/codec/load.ts in the bundles. See .ci/bundle.mjs.

import { Codec, type Kernel } from '../../src/codec/codec.ts';
import { kernelOfModule } from '../../src/codec/wasm.ts';
import { codecModule } from './bundled-modules.ts';

let shared: Codec | undefined;

/** The codec of this thread, made at the first call. */
export function sharedCodec(): Codec {
  return (shared ??= new Codec(loadKernel()));
}

/** Makes a kernel with separate memory. */
export function loadKernel(): Kernel {
  return kernelOfModule(codecModule(), 'wasm-simd');
}
