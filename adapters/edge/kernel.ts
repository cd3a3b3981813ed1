// Makes the codec of a worker.

import { Codec, type Kernel } from '../../src/codec/codec.ts';
import { createTypeScriptKernel } from '../../src/codec/scalar.ts';
import { kernelOfExports, kernelOfModule } from '../../src/codec/wasm.ts';

/** @param module Compiled, or what a tool has made of it: the exports of an instance, or nothing of use. Plain TypeScript stands in for that. */
export function codecOf(module: unknown): Codec {
  return new Codec(makeKernel(module));
}

function makeKernel(module: unknown): Kernel {
  try {
    const isInstance = Reflect.get(Object(module) as object, 'memory') instanceof WebAssembly.Memory;
    const exports = module as Readonly<Record<string, unknown>>;
    return isInstance ? kernelOfExports(exports, 'wasm-simd') : kernelOfModule(module as WebAssembly.Module, 'wasm-simd');
  } catch {
    return createTypeScriptKernel();
  }
}
