// permessage-deflate (RFC 7692) for clients of the W3C entry point, over the runtime's node:zlib. Apart from it, so that a worker which
// does not compress needs no node:zlib and bundles none of this.

import { deflateEngine } from '../../src/nodejs/compression.ts';
import { setDeflateEngine } from './compression.ts';

/**
 * Lets clients of the W3C entry point offer permessage-deflate, from now on. Without this call they never do. Needs the compatibility
 * flag `nodejs_compat` on workerd.
 */
export function enableDeflate(): void {
  setDeflateEngine(deflateEngine);
}
