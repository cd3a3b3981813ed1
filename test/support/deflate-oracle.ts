// The DEFLATE module as plain JavaScript, which `npm run build:oracle` makes of the module itself: no WebAssembly runs it, every access to
// memory is bytewise, and a number out of range would show. The third kernel of the tests, beside the builds with SIMD and without.

import { DeflateKernel } from '../../src/deflate/kernel.ts';

const FILE = new URL('../../build/deflate-oracle.js', import.meta.url).href;
let instances = 0;

/** Makes a kernel with a memory of its own. */
export async function loadDeflateOracle(): Promise<DeflateKernel> {
  // Each address is another module to the runtime.
  const exports = (await import(/* @vite-ignore */ `${FILE}?instance=${++instances}`)) as WebAssembly.Exports;
  return new DeflateKernel(exports);
}
