// Which kernel is picked, on runtimes with and without SIMD and WebAssembly.

import { afterEach, describe, expect, it, vi } from 'vitest';
import { Codec } from '../../../src/codec/codec.ts';
import { SCALAR_MODULE } from '../../../src/codec/embedded.ts';
import { loadKernel, sharedCodec } from '../../../src/codec/load.ts';
import { decodeModule } from '../../../src/codec/wasm.ts';
import { frame } from '../../support/frames.ts';
import { StreamReader } from '../../support/kernels.ts';

const { Instance, Module } = WebAssembly;

afterEach(() => {
  vi.unstubAllGlobals();
});

function decodes(): boolean {
  const reader = new StreamReader(new Codec(loadKernel()), { expectMask: false });
  return reader.read(frame({ payload: 'hello' })).result.frames[0].ascii;
}

describe('loadKernel', () => {
  it('picks SIMD here', () => {
    expect([loadKernel().name, decodes()]).toEqual(['wasm-simd', true]);
  });

  it('makes a memory of its own each time', () => {
    expect(loadKernel().memory).not.toBe(loadKernel().memory);
  });

  it('picks the module without SIMD where SIMD does not validate', () => {
    const size = decodeModule(SCALAR_MODULE).length;
    vi.stubGlobal('WebAssembly', { Instance, Module, validate: (bytes: Uint8Array) => bytes.length === size });
    expect([loadKernel().name, decodes()]).toEqual(['wasm-scalar', true]);
  });

  it('picks TypeScript where WebAssembly is missing', () => {
    vi.stubGlobal('WebAssembly', undefined);
    expect([loadKernel().name, decodes()]).toEqual(['typescript', true]);
  });

  it('picks TypeScript where a policy forbids to compile', () => {
    class Forbidden {
      constructor() {
        throw new Error("Refused to compile: 'wasm-unsafe-eval' is not allowed");
      }
    }
    vi.stubGlobal('WebAssembly', { Instance, Module: Forbidden, validate: () => true });
    expect([loadKernel().name, decodes()]).toEqual(['typescript', true]);
  });
});

describe('sharedCodec', () => {
  it('returns the one codec of the thread', () => {
    expect(sharedCodec()).toBeInstanceOf(Codec);
    expect(sharedCodec()).toBe(sharedCodec());
  });
});
