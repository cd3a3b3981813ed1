// The compiled modules: what they import, export and contain, and how they become a kernel.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SCALAR_MODULE, SIMD_MODULE } from '../../../src/codec/embedded.ts';
import { decodeModule, kernelOfModule } from '../../../src/codec/wasm.ts';
import { DEFLATE_SCALAR_MODULE, DEFLATE_SIMD_MODULE } from '../../../src/deflate/embedded.ts';
import { hex } from '../../support/frames.ts';

/** Numbers of the sections of a module, WebAssembly core specification section 5.5.2. */
function sections(bytes: Uint8Array): number[] {
  const found: number[] = [];
  let at = 8;
  while (at < bytes.length) {
    found.push(bytes[at++]);
    let size = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      size += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    at += size;
  }
  expect(at).toBe(bytes.length);
  return found;
}

const IMPORT_SECTION = 2;
const START_SECTION = 8;
const DATA_SECTION = 11;

describe('decodeModule', () => {
  it.each([
    ['', ''],
    ['(', '00'],
    ['{#(#}$($}', '53 54 a9 aa ff'],
    ['!#!$!', '34 88 de'],
    ['(#5#G#A', '00 61 73 6d'],
  ])('decodes %j', (text, digits) => {
    expect(decodeModule(text)).toEqual(hex(digits));
  });

  it.each([
    ['core-simd', SIMD_MODULE],
    ['core-scalar', SCALAR_MODULE],
    ['deflate-simd', DEFLATE_SIMD_MODULE],
    ['deflate-scalar', DEFLATE_SCALAR_MODULE],
  ])('decodes the embedded text of %s, which needs no escape in a literal', (file, text) => {
    expect(decodeModule(text)).toEqual(new Uint8Array(readFileSync(`build/${file}.wasm`)));
    expect(text).toMatch(/^[!#$(-[\]-}]*$/);
  });
});

describe.each([
  { name: 'wasm-simd' as const, text: SIMD_MODULE },
  { name: 'wasm-scalar' as const, text: SCALAR_MODULE },
])('the $name module', ({ name, text }) => {
  const bytes = decodeModule(text);
  const module = new WebAssembly.Module(bytes);

  it('exports the four functions and the memory, and nothing else', () => {
    expect(WebAssembly.Module.exports(module).sort((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
      { name: 'decode', kind: 'function' },
      { name: 'encodeFrame', kind: 'function' },
      { name: 'mask', kind: 'function' },
      { name: 'memory', kind: 'memory' },
      { name: 'validate', kind: 'function' },
    ]);
  });

  it('imports nothing, runs nothing at the start and has no data', () => {
    const found = sections(bytes);
    for (const section of [IMPORT_SECTION, START_SECTION, DATA_SECTION]) expect(found).not.toContain(section);
    expect(WebAssembly.Module.imports(module)).toEqual([]);
  });

  it('has a memory that cannot grow', () => {
    const { memory } = new WebAssembly.Instance(module).exports as { memory: WebAssembly.Memory };
    expect(() => memory.grow(1)).toThrow(RangeError);
  });

  it('becomes a kernel with a memory of its own', () => {
    const [one, other] = [kernelOfModule(module, name), kernelOfModule(module, name)];
    expect(one.name).toBe(name);
    expect(one.memory).not.toBe(other.memory);
    expect(new Uint8Array(one.memory).every((byte) => byte === 0)).toBe(true);
  });

  it('stays small', () => {
    expect(bytes.length).toBeLessThan(8192);
  });
});

describe('kernelOfModule', () => {
  it('refuses a module with a memory of another size', () => {
    // (module (memory (export "memory") 1))
    const bytes = hex('00 61 73 6d 01 00 00 00  05 03 01 00 01  07 0a 01 06 6d 65 6d 6f 72 79 02 00');
    expect(() => kernelOfModule(new WebAssembly.Module(bytes), 'wasm-simd')).toThrow('65536 bytes of memory');
  });

  it('differs in SIMD alone', () => {
    expect(SIMD_MODULE).not.toBe(SCALAR_MODULE);
    // Prefix 0xfd starts a SIMD instruction: v128.xor is fd 51, v128.load fd 00.
    const isSimd = (text: string): boolean => Buffer.from(decodeModule(text)).includes(hex('fd 51'));
    expect([isSimd(SIMD_MODULE), isSimd(SCALAR_MODULE)]).toEqual([true, false]);
  });
});
