// permessage-deflate where node:zlib is: our own engine, and zlib for what only zlib can do.

import zlib from 'node:zlib';
import { checkLimit, ownOptions } from '../base/options.ts';
import type { DeflateEngine } from '../deflate/engine.ts';
import type { DeflateKernel } from '../deflate/kernel.ts';
import { createWasmEngine } from '../deflate/wasm-engine.ts';
import { createZlibEngine, takesWindows } from '../deflate/zlib-engine.ts';

/** The options that are checked. */
export interface DeflateSettings {
  readonly engine?: 'wasm' | 'zlib' | undefined;
  readonly maxMemoryPerConnection?: number | undefined;
  readonly zlibDeflateOptions?: object | undefined;
  readonly zlibInflateOptions?: object | undefined;
}

const zlibEngine = createZlibEngine(zlib);
let canInflateAll: boolean | undefined;
/** Whether node:zlib reads what refers to earlier messages. */
const canInflate = (): boolean => (canInflateAll ??= takesWindows(zlib));

/** Gives the engine for connections. `'zlib'`: node:zlib for all of it. */
export type EngineChoice = (name?: 'zlib' | 'wasm') => DeflateEngine;

/**
 * Makes an engine that is our own wherever it can be: node:zlib does what only zlib can do, and everything where the
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
  return (name) => (name === 'zlib' ? named : engine);
}

/**
 * Checks the options of permessage-deflate when a program passes them, so that an invalid one is reported then and not when a peer compresses.
 *
 * @throws {RangeError | TypeError} for zlib's as node:zlib does, for others by name.
 */
export function checkDeflateOptions(settings: DeflateSettings | undefined): void {
  const { engine: name, maxMemoryPerConnection: memory, zlibDeflateOptions, zlibInflateOptions } = settings ?? {};
  if (name !== undefined && name !== 'wasm' && name !== 'zlib') {
    throw new TypeError(`The "perMessageDeflate.engine" option must be 'wasm' or 'zlib'`);
  }
  if (memory !== undefined) checkLimit('perMessageDeflate.maxMemoryPerConnection', memory);
  if (zlibDeflateOptions) zlib.createDeflateRaw(ownOptions(zlibDeflateOptions)).close();
  if (zlibInflateOptions) zlib.createInflateRaw(ownOptions(zlibInflateOptions)).close();
}
