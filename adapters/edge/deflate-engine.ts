// The engine of the classes that need `nodejs_compat` anyway: our own over the imported module, and node:zlib for options that only zlib can carry out.

import { createDeflateEngine, type EngineChoice } from '../../src/nodejs/compression.ts';
import { edgeDeflateKernel } from './deflate-module.ts';

export const deflateEngine: EngineChoice = createDeflateEngine(edgeDeflateKernel);
