// The codec on runtimes that compile no WebAssembly while they run: the module is imported, the bundler or the runtime has compiled it.
// No copy of it is inlined here, so a worker does not carry it twice.

import { Codec, type Kernel } from '../../src/codec/codec.ts';
import { createTypeScriptKernel } from '../../src/codec/scalar.ts';
import { kernelOfModule } from '../../src/codec/wasm.ts';
import codecModule from './core.wasm';

let shared: Codec | undefined;

/** The codec of this isolate, made at the first call: 2 MiB that a worker which only accepts connections does without. */
export function edgeCodec(): Codec {
  return (shared ??= new Codec(makeKernel(codecModule)));
}

/** @param imported What the import gave. Where it is no module (a bundler's URL, for one), plain TypeScript stands in. */
function makeKernel(imported: unknown): Kernel {
  try {
    return kernelOfModule(imported as WebAssembly.Module, 'wasm-simd');
  } catch {
    return createTypeScriptKernel();
  }
}
