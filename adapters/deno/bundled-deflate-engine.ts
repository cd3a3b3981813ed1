// Replaces src/nodejs/deflate-engine.ts in the bundle: our module does all of it. Deno's zlib starts with no window, so it would compress
// worse. `strategy` and `engine: 'zlib'` have no effect.

import { sharedDeflateKernel } from '../../src/deflate/load.ts';
import { createWasmEngine } from '../../src/deflate/wasm-engine.ts';
import type { EngineChoice } from '../../src/nodejs/compression.ts';

const engine = createWasmEngine(sharedDeflateKernel);

export const deflateEngine: EngineChoice = () => engine;
