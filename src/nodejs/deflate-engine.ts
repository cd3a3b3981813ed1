// The engine for permessage-deflate where the module's bytes are at hand. Workers import the module instead: adapters/edge/.

import { sharedDeflateKernel } from '../deflate/load.ts';
import { createDeflateEngine, type EngineChoice } from './compression.ts';

export const deflateEngine: EngineChoice = createDeflateEngine(sharedDeflateKernel);

export { checkDeflateOptions } from '../deflate/settings.ts';
