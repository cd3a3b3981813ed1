// Makes the codec and the DEFLATE kernel of a worker.

import { Codec, type Kernel } from '../../src/codec/codec.ts';
import { createTypeScriptKernel } from '../../src/codec/scalar.ts';
import { bytesOfBase64, kernelOfExports, kernelOfModule } from '../../src/codec/wasm.ts';
import { DeflateKernel } from '../../src/deflate/kernel.ts';

/** @param module Compiled, or what a tool has made of it: the exports of an instance, or nothing of use. Plain TypeScript stands in for that. */
export function codecOf(module: unknown): Codec {
  return new Codec(makeKernel(module));
}

/** What a bundler has made of a module, if that is the exports of an instance. */
function exportsOf(module: unknown): WebAssembly.Exports | undefined {
  const isInstance = Reflect.get(Object(module) as object, 'memory') instanceof WebAssembly.Memory;
  return isInstance ? (module as WebAssembly.Exports) : undefined;
}

function makeKernel(module: unknown): Kernel {
  try {
    const exports = exportsOf(module);
    return exports === undefined
      ? kernelOfModule(module as WebAssembly.Module, 'wasm-simd')
      : kernelOfExports(exports, 'wasm-simd');
  } catch {
    return createTypeScriptKernel();
  }
}

/**
 * @param module As for {@link codecOf}.
 * @throws {TypeError} when it is nothing of use: nothing stands in for it.
 */
export function deflateKernelOf(module: unknown): DeflateKernel {
  return new DeflateKernel(exportsOf(module) ?? new WebAssembly.Instance(module as WebAssembly.Module).exports);
}

/** Compiles a module in base64. @returns Undefined where that is forbidden. */
export function compile(module: string): WebAssembly.Module | undefined {
  try {
    return new WebAssembly.Module(bytesOfBase64(module));
  } catch {
    return undefined;
  }
}
