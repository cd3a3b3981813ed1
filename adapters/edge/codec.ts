// The codec on runtimes that do not compile WebAssembly at run time: the bundler or the runtime compiles the imported module.
// This file has no inline copy, so a worker does not contain the module twice.

import type { Codec } from '../../src/codec/codec.ts';
// By the proposal for ES modules, which some bundlers follow, this gives the exports of an instance and no default.
import * as imported from './core.wasm';
import { codecOf } from './kernel.ts';

let shared: Codec | undefined;

/** The codec of this isolate, made at the first call: 2 MiB that a worker which only accepts connections does without. */
export function edgeCodec(): Codec {
  return (shared ??= codecOf(Reflect.get(imported, 'default') ?? imported));
}
