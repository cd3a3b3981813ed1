// Entry point `wasock/deflate`: raw DEFLATE of messages where the module's bytes are at hand. Workers import the module instead:
// adapters/edge/raw-deflate.ts.

import { sharedDeflateKernel } from './load.ts';
import { MessageDeflater, MessageInflater, type DeflaterOptions, type InflaterOptions } from './standalone.ts';
import { createWasmEngine } from './wasm-engine.ts';

export { InflateDataError, InflateLengthError, type WindowOptions } from './standalone.ts';
export type { DeflaterOptions, InflaterOptions };

const engine = createWasmEngine(sharedDeflateKernel);

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
