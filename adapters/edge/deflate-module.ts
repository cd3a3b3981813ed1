// The DEFLATE module on runtimes that do not compile WebAssembly at run time, like codec.ts for the codec.

import type { DeflateKernel } from '../../src/deflate/kernel.ts';
// By the proposal for ES modules, which some bundlers follow, this gives the exports of an instance and no default.
import * as imported from './deflate.wasm';
import { deflateKernelOf } from './kernel.ts';

let shared: DeflateKernel | undefined;

/** The module of this isolate, made at the first call: 1 MiB that a worker which does not compress does without. */
export function edgeDeflateKernel(): DeflateKernel {
  return (shared ??= deflateKernelOf(Reflect.get(imported, 'default') ?? imported));
}
