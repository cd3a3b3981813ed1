// Picks the fastest kernel that this runtime can run: SIMD, else WASM without it, else plain TypeScript. Synchronous: a
// constructor that needs the codec returns a value, not a promise.

import { takes } from '../base/fast-paths.ts';
import { Codec, type Kernel } from './codec.ts';
import { SCALAR_MODULE, SIMD_MODULE } from './embedded.ts';
import { createTypeScriptKernel } from './scalar.ts';
import { decodeModule, kernelOfModule } from './wasm.ts';

let shared: Codec | undefined;

/** The codec of this thread, made at the first call. */
export function sharedCodec(): Codec {
  return (shared ??= new Codec(loadKernel()));
}

/** Makes a kernel with separate memory. */
export function loadKernel(): Kernel {
  if (!takes('wasm-codec')) return createTypeScriptKernel();
  // WebAssembly is missing, or a Content-Security-Policy without 'wasm-unsafe-eval' forbids it: then it throws.
  try {
    const simd = decodeModule(SIMD_MODULE);
    if (takes('simd', WebAssembly.validate(simd))) return kernelOfModule(new WebAssembly.Module(simd), 'wasm-simd');
    return kernelOfModule(new WebAssembly.Module(decodeModule(SCALAR_MODULE)), 'wasm-scalar');
  } catch {
    takes('wasm-codec', false);
    return createTypeScriptKernel();
  }
}
