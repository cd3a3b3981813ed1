// Makes the DEFLATE kernel of a thread from the module that is embedded: the build with SIMD where the runtime has it.

import { takes } from '../base/fast-paths.ts';
import { decodeModule } from '../codec/wasm.ts';
import { DEFLATE_SCALAR_MODULE, DEFLATE_SIMD_MODULE } from './embedded.ts';
import { DeflateKernel } from './kernel.ts';

let shared: DeflateKernel | undefined;

/**
 * The module of this thread, compiled at the first call.
 *
 * @throws {Error} that says what to do, where WebAssembly is forbidden.
 */
export function sharedDeflateKernel(): DeflateKernel {
  return (shared ??= loadShared());
}

function loadShared(): DeflateKernel {
  try {
    return loadDeflateKernel();
  } catch (cause) {
    const remedy = "start Node.js without --jitless, or allow 'wasm-unsafe-eval' in the Content-Security-Policy of the page";
    throw new Error(`wasock/deflate needs WebAssembly, which is forbidden here: ${remedy}`, { cause });
  }
}

/** Makes a kernel with separate memory. @param allowsSimd False: the build without SIMD, for tests. */
export function loadDeflateKernel(allowsSimd: boolean = takes('simd')): DeflateKernel {
  return new DeflateKernel(instantiate(allowsSimd));
}

/** An instance of the module, which has no imports and no start function. */
export function instantiate(allowsSimd: boolean): WebAssembly.Exports {
  const simd = decodeModule(DEFLATE_SIMD_MODULE);
  const bytes = allowsSimd && WebAssembly.validate(simd) ? simd : decodeModule(DEFLATE_SCALAR_MODULE);
  return new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
}
