// permessage-deflate where node:zlib is: our own engine, and zlib for options that only zlib can carry out.

import zlib from 'node:zlib';
import type { DeflateEngine } from '../deflate/engine.ts';
import type { DeflateKernel } from '../deflate/kernel.ts';
import type { DeflateSettings } from '../deflate/settings.ts';
import { createWasmEngine } from '../deflate/wasm-engine.ts';
import { createZlibEngine, takesWindows } from '../deflate/zlib-engine.ts';

const zlibEngine = createZlibEngine(zlib);
let canInflateAll: boolean | undefined;
/** Whether node:zlib reads references to earlier messages. */
const canInflate = (): boolean => (canInflateAll ??= takesWindows(zlib));

/** Gives the engine for a connection with these options. `engine: 'zlib'`: node:zlib for all of it. */
export type EngineChoice = (settings?: DeflateSettings) => DeflateEngine;

/**
 * Makes an engine that is our own wherever it can be. node:zlib carries out the options that only zlib has, and does everything where the
 * runtime compiles no module, as `node --jitless`.
 *
 * @param load Called when a connection first compresses. It may throw.
 */
export function createDeflateEngine(load: () => DeflateKernel): EngineChoice {
  let kernel: DeflateKernel | null | undefined;
  const wasmEngine = createWasmEngine(() => kernel!);
  const ownEngine = (): DeflateEngine => {
    if (kernel === undefined) {
      try {
        kernel = load();
      } catch {
        kernel = null;
      }
    }
    return kernel === null ? zlibEngine : wasmEngine;
  };
  const engine: DeflateEngine = {
    // `strategy` is zlib's alone.
    createDeflator: (options) => (options.zlib?.['strategy'] ? zlibEngine : ownEngine()).createDeflator(options),
    createInflator: (options) => ownEngine().createInflator(options),
  };
  const named: DeflateEngine = {
    createDeflator: (options) => zlibEngine.createDeflator(options),
    createInflator: (options) => (canInflate() ? zlibEngine : ownEngine()).createInflator(options),
  };
  return (settings) => (settings?.engine === 'zlib' ? named : engine);
}
