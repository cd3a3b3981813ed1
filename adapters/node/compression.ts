// permessage-deflate on Node.js: the engine over node:zlib, made when a connection first negotiates it.

import * as zlib from 'node:zlib';
import type { DeflateEngine } from '../../src/deflate/engine.ts';
import { createZlibEngine } from '../../src/deflate/zlib-engine.ts';

let engine: DeflateEngine | undefined;

/** The engine of this thread. */
export function deflateEngine(): DeflateEngine {
  return (engine ??= createZlibEngine(zlib));
}
