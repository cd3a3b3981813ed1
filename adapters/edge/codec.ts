// The codec on runtimes that compile no WebAssembly while they run: the module is imported, the bundler or the runtime has compiled it.
// No copy of it is inlined here, so a worker does not carry it twice.

import type { Codec } from '../../src/codec/codec.ts';
// By the proposal for ES modules, which some bundlers follow, this gives the exports of an instance and no default.
import * as imported from './core.wasm';
import { codecOf } from './kernel.ts';

let shared: Codec | undefined;

/** The codec of this isolate, made at the first call: 2 MiB that a worker which only accepts connections does without. */
export function edgeCodec(): Codec {
  return (shared ??= codecOf(Reflect.get(imported, 'default') ?? imported));
}
