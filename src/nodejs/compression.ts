// permessage-deflate where node:zlib is: our own engine, and zlib for what only zlib can do.

import zlib from 'node:zlib';
import { checkLimit } from '../base/options.ts';
import type { ContextOptions, DeflateEngine } from '../deflate/engine.ts';
import { sharedDeflateKernel } from '../deflate/load.ts';
import { createWasmEngine } from '../deflate/wasm-engine.ts';
import { createZlibEngine } from '../deflate/zlib-engine.ts';

/** What is checked of a program's options. */
interface DeflateSettings {
  readonly engine?: string | undefined;
  readonly maxMemoryPerConnection?: number | undefined;
  readonly zlibDeflateOptions?: object | undefined;
  readonly zlibInflateOptions?: object | undefined;
}

const zlibEngine = createZlibEngine(zlib);
const wasmEngine = createWasmEngine(sharedDeflateKernel);

/** Our own engine, where the runtime compiles its module: workerd does not while it runs, and `node --jitless` has no WebAssembly. */
let standard: DeflateEngine | undefined;

function chooseStandard(): DeflateEngine {
  try {
    sharedDeflateKernel();
    return wasmEngine;
  } catch {
    return zlibEngine;
  }
}

/** `strategy` and `dictionary` are zlib's alone. */
function engineFor({ zlib: options }: ContextOptions): DeflateEngine {
  return options?.['strategy'] || options?.['dictionary'] ? zlibEngine : (standard ??= chooseStandard());
}

const engine: DeflateEngine = {
  createDeflator: (options) => engineFor(options).createDeflator(options),
  createInflator: (options) => engineFor(options).createInflator(options),
};

/** @param name `'zlib'`: node:zlib for all of it. */
export function deflateEngine(name?: 'zlib' | 'wasm'): DeflateEngine {
  return name === 'zlib' ? zlibEngine : engine;
}

/**
 * Checks the options of permessage-deflate where a program names them, so that it hears of a bad one there and not when a peer compresses.
 *
 * @throws {RangeError | TypeError} for zlib's as node:zlib does, for others by name.
 */
export function checkDeflateOptions(settings: DeflateSettings | undefined): void {
  const { engine: name, maxMemoryPerConnection: memory, zlibDeflateOptions, zlibInflateOptions } = settings ?? {};
  if (name !== undefined && name !== 'wasm' && name !== 'zlib') {
    throw new TypeError(`The "perMessageDeflate.engine" option must be 'wasm' or 'zlib'`);
  }
  if (memory !== undefined && memory !== null) checkLimit('perMessageDeflate.maxMemoryPerConnection', memory);
  if (zlibDeflateOptions) zlib.createDeflateRaw(zlibDeflateOptions).close();
  if (zlibInflateOptions) zlib.createInflateRaw(zlibInflateOptions).close();
}
