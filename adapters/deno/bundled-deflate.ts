// Replaces src/deflate/load.ts in the bundles, as bundled-codec.ts replaces the codec's loader. In the W3C bundle, which has no options that
// only zlib can carry out, it replaces src/nodejs/deflate-engine.ts as well.

import type { DeflateEngine } from '../../src/deflate/engine.ts';
import { DeflateKernel } from '../../src/deflate/kernel.ts';
import { createWasmEngine } from '../../src/deflate/wasm-engine.ts';
import { deflateModule } from './bundled-modules.ts';

let shared: DeflateKernel | undefined;

/** The kernel of this thread, made at the first call. */
export function sharedDeflateKernel(): DeflateKernel {
  return (shared ??= new DeflateKernel(new WebAssembly.Instance(deflateModule()).exports));
}

const engine = /* @__PURE__ */ createWasmEngine(sharedDeflateKernel);

/** The engine of all connections. */
export function deflateEngine(): DeflateEngine {
  return engine;
}
