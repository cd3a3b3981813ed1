// Replaces src/nodejs/deflate-engine.ts in the bundle: our module does all of the compression. Deno's zlib starts with no window, so it would
// compress worse.

import { sharedDeflateKernel } from '../../src/deflate/load.ts';
import { checkDeflateOptions as checkValues, type DeflateSettings } from '../../src/deflate/settings.ts';
import { createWasmEngine } from '../../src/deflate/wasm-engine.ts';
import type { EngineChoice } from '../../src/nodejs/compression.ts';

const engine = createWasmEngine(sharedDeflateKernel);

function refuse(option: string): never {
  throw new TypeError(`The "perMessageDeflate.${option}" option needs node:zlib, which is not in this file: import npm:wasock`);
}

/** @throws {TypeError} for options that only zlib can carry out. */
export const deflateEngine: EngineChoice = (settings) => {
  if (settings?.engine === 'zlib') refuse('engine');
  const options: { readonly strategy?: unknown } = settings?.zlibDeflateOptions ?? {};
  if (options.strategy) refuse('zlibDeflateOptions.strategy');
  return engine;
};

/** @throws {TypeError} as {@link deflateEngine} does, and for other values as on every runtime. */
export function checkDeflateOptions(settings: DeflateSettings | undefined): void {
  checkValues(settings);
  deflateEngine(settings);
}
