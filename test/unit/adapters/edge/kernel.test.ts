// The codec of a worker, from whatever a bundler has made of the imported module.

import { expect, test } from 'vitest';
import { codecOf } from '../../../../adapters/edge/kernel.ts';
import { edgeCodec } from '../../../../adapters/edge/inline-codec.ts';
import { codecBytes } from '../../../support/mini-runner/bundle.ts';

const compiled = new WebAssembly.Module(codecBytes().slice());

test.each([
  ['a compiled module', compiled, 'wasm-simd'],
  ['the exports of an instance', new WebAssembly.Instance(compiled).exports, 'wasm-simd'],
  ['the namespace of an instance', { ...new WebAssembly.Instance(compiled).exports }, 'wasm-simd'],
  ['the exports of another module', { memory: new WebAssembly.Memory({ initial: 1 }) }, 'typescript'],
  ['a URL', '/assets/core.wasm', 'typescript'],
  ['nothing', undefined, 'typescript'],
])('from %s', (_what, module, kernel) => {
  expect(codecOf(module).kernel.name).toBe(kernel);
});

test('from the bytes inside of a bundle, once', () => {
  expect(edgeCodec().kernel.name).toBe('wasm-simd');
  expect(edgeCodec()).toBe(edgeCodec());
});
