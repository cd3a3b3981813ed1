// permessage-deflate (RFC 7692) for clients of the W3C entry point. A separate file, so that a worker without compression does not bundle
// it.

import { createWasmEngine } from '../../src/deflate/wasm-engine.ts';
import { setDeflateEngine } from './compression.ts';
import { edgeDeflateKernel } from './deflate-module.ts';

const engine = createWasmEngine(edgeDeflateKernel);

/**
 * Lets clients of the W3C entry point offer permessage-deflate, from now on. Without this call they never do. Needs no compatibility flag.
 *
 * @throws {TypeError} if the bundler did not make a WebAssembly module of `deflate.wasm`.
 */
export function enableDeflate(): void {
  edgeDeflateKernel();
  setDeflateEngine(() => engine);
}
