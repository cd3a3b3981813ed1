// Replaces deflate-module.ts if a bundler has the condition "module", like inline-codec.ts for codec.ts.

import { DEFLATE_SIMD_MODULE } from '../../src/deflate/embedded.ts';
import type { DeflateKernel } from '../../src/deflate/kernel.ts';
import { compile, deflateKernelOf } from './kernel.ts';

/** Compiled while the worker starts: later workerd compiles nothing, and before some compatibility date not even then. */
const compiled = compile(DEFLATE_SIMD_MODULE);
let shared: DeflateKernel | undefined;

/** The module of this isolate, made at the first call: 1 MiB that a worker which does not compress does without. */
export function edgeDeflateKernel(): DeflateKernel {
  return (shared ??= deflateKernelOf(compiled));
}
