// Entry point `wasock/deflate` on workerd, which compiles no module at run time.

import { edgeDeflateKernel } from './deflate-module.ts';
import { MessageDeflater, MessageInflater, type DeflaterOptions, type InflaterOptions } from '../../src/deflate/standalone.ts';
import { createWasmEngine } from '../../src/deflate/wasm-engine.ts';

export { InflateDataError, InflateLengthError, type WindowOptions } from '../../src/deflate/standalone.ts';
export type { DeflaterOptions, InflaterOptions };

const engine = createWasmEngine(edgeDeflateKernel);

/** Compresses messages with raw DEFLATE (RFC 1951), each up to a sync flush. */
export class Deflater extends MessageDeflater {
  constructor(options?: DeflaterOptions) {
    super(engine, options);
  }
}

/** Decompresses the messages of a {@link Deflater}, or of permessage-deflate (RFC 7692). */
export class Inflater extends MessageInflater {
  constructor(options?: InflaterOptions) {
    super(engine, options);
  }
}
