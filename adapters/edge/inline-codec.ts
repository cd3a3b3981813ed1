// Replaces codec.ts if a bundler has the condition "module" (Vite, webpack, Rollup): their workers would fetch core.wasm while they
// start, which workerd forbids. See "imports" in package.json.

import type { Codec } from '../../src/codec/codec.ts';
import { SIMD_MODULE } from '../../src/codec/embedded.ts';
import { codecOf, compile } from './kernel.ts';

/** Compiled while the worker starts: later workerd compiles nothing, and before some compatibility date not even then. */
const compiled = compile(SIMD_MODULE);
let shared: Codec | undefined;

/** The codec of this isolate, made at the first call: 2 MiB that a worker which only accepts connections does without. */
export function edgeCodec(): Codec {
  return (shared ??= codecOf(compiled));
}
