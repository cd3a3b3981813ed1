// The plain TypeScript kernel, where it is more than one of three: it works without WebAssembly, and is the oracle of the others.

import { afterEach, describe, expect, it, vi } from 'vitest';
import { MEMORY_PAGES, PAGE_BYTES, SCRATCH } from '../../../assembly/layout.ts';
import { createTypeScriptKernel } from '../../../src/codec/scalar.ts';
import { Codec } from '../../../src/codec/codec.ts';
import { frame, hex, utf8 } from '../../support/frames.ts';
import { KERNELS, StreamReader } from '../../support/kernels.ts';

afterEach(() => {
  vi.unstubAllGlobals();
});

describe('the TypeScript kernel', () => {
  it('has a memory of its own, of the same size as the modules', () => {
    const [one, other] = [createTypeScriptKernel(), createTypeScriptKernel()];
    expect(one.name).toBe('typescript');
    expect(one.memory.byteLength).toBe(MEMORY_PAGES * PAGE_BYTES);
    expect(one.memory).not.toBe(other.memory);
  });

  it('works where WebAssembly is forbidden', () => {
    vi.stubGlobal('WebAssembly', undefined);
    const reader = new StreamReader(new Codec(createTypeScriptKernel()), { expectMask: true });
    reader.read(frame({ payload: 'h\u00e9llo', key: hex('37 fa 21 3d') }));
    expect(reader.result.frames[0].payload).toEqual(utf8('h\u00e9llo'));
  });

  it('gives the same numbers as the modules for masks and validator states, bit for bit', () => {
    const kernels = KERNELS.map(({ create }) => create());
    const results = kernels.map((kernel) => {
      const memory = new Uint8Array(kernel.memory);
      const numbers: number[] = [];
      for (let lead = 0; lead < 256; lead++) {
        for (const rest of ['', '80', '90', 'a0', 'bf', '80 80', 'a0 80', '90 80 80', 'bf bf bf']) {
          const tail = hex(rest);
          memory[SCRATCH] = lead;
          memory.set(tail, SCRATCH + 1);
          numbers.push(kernel.validate(SCRATCH, 1 + tail.length, 0));
        }
      }
      for (const key of [0, 1, 0x80000000, 0xffffffff, -2, 0x12345678]) {
        for (let length = 0; length < 20; length++) numbers.push(kernel.mask(SCRATCH + length, length, key));
      }
      return numbers;
    });
    expect(results[0]).toEqual(results[2]);
    expect(results[1]).toEqual(results[2]);
    expect(new Set(results[2]).size).toBeGreaterThan(20);
  });
});
