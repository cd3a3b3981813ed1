// Replaces src/nodejs/deflate-engine.ts in the bundle: our module does all of the compression. Deno's zlib starts with no window, so it would
// compress worse.

import { sharedDeflateKernel } from '../../src/deflate/load.ts';
import { createWasmEngine } from '../../src/deflate/wasm-engine.ts';
import { checkDeflateOptions as checkValues, type DeflateSettings, type EngineChoice } from '../../src/nodejs/compression.ts';

const engine = createWasmEngine(sharedDeflateKernel);

function refuse(option: string): never {
  throw new TypeError(
    `The "perMessageDeflate.${option}" option needs node:zlib, which this file does not use: import the package`,
  );
}

/** @throws {TypeError} for `'zlib'`. */
export const deflateEngine: EngineChoice = (name) => (name === 'zlib' ? refuse('engine') : engine);

/** @throws {TypeError} for options that only zlib can carry out, and as the other one. */
export function checkDeflateOptions(settings: DeflateSettings | undefined): void {
  deflateEngine(settings?.engine);
  const options: { readonly strategy?: unknown } = settings?.zlibDeflateOptions ?? {};
  if (options.strategy) refuse('zlibDeflateOptions.strategy');
  checkValues(settings);
}
