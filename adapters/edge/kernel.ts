// Makes the codec and the DEFLATE kernel of a worker.

import { Codec, type Kernel } from '../../src/codec/codec.ts';
import { createTypeScriptKernel } from '../../src/codec/scalar.ts';
import { decodeModule, kernelOfExports, kernelOfModule } from '../../src/codec/wasm.ts';
import { DeflateKernel } from '../../src/deflate/kernel.ts';

/** @param module A compiled module, or the exports of an instance. For anything else the plain TypeScript codec is used. */
export function codecOf(module: unknown): Codec {
  return new Codec(makeKernel(module));
}

/** The exports of an instance, if a bundler has made them of the module. */
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
 * @throws {TypeError} if it is neither: there is no replacement.
 */
export function deflateKernelOf(module: unknown): DeflateKernel {
  return new DeflateKernel(exportsOf(module) ?? new WebAssembly.Instance(module as WebAssembly.Module).exports);
}

/** Compiles a module of `embedded.ts`. @returns Undefined if the runtime forbids it. */
export function compile(module: string): WebAssembly.Module | undefined {
  try {
    return new WebAssembly.Module(decodeModule(module));
  } catch {
    return undefined;
  }
}
