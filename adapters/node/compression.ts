// permessage-deflate on Node.js: the engine over node:zlib, made when a connection first negotiates it.

import * as zlib from 'node:zlib';
import type { PerMessageDeflateOptions } from '../../src/api/ws/types.ts';
import type { DeflateEngine } from '../../src/deflate/engine.ts';
import { createZlibEngine } from '../../src/deflate/zlib-engine.ts';

let engine: DeflateEngine | undefined;

/** The engine of this thread. */
export function deflateEngine(): DeflateEngine {
  return (engine ??= createZlibEngine(zlib));
}

/**
 * Tries out zlib options where a program names them, so that it hears of a bad one there and not when a peer compresses.
 *
 * @throws {RangeError | TypeError} as node:zlib does.
 */
export function checkZlibOptions(settings: PerMessageDeflateOptions | undefined): void {
  if (settings?.zlibDeflateOptions) zlib.createDeflateRaw(settings.zlibDeflateOptions as zlib.ZlibOptions).close();
  if (settings?.zlibInflateOptions) zlib.createInflateRaw(settings.zlibInflateOptions as zlib.ZlibOptions).close();
}
