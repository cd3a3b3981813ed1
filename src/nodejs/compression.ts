// permessage-deflate: the engine over node:zlib, made when a connection first negotiates it.

import zlib from 'node:zlib';
import type { DeflateEngine } from '../deflate/engine.ts';
import { createZlibEngine } from '../deflate/zlib-engine.ts';

/** Options of node:zlib for each direction. */
interface ZlibSettings {
  readonly zlibDeflateOptions?: object | undefined;
  readonly zlibInflateOptions?: object | undefined;
}

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
export function checkZlibOptions(settings: ZlibSettings | undefined): void {
  if (settings?.zlibDeflateOptions) zlib.createDeflateRaw(settings.zlibDeflateOptions).close();
  if (settings?.zlibInflateOptions) zlib.createInflateRaw(settings.zlibInflateOptions).close();
}
