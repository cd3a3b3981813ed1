// The compiled modules: what they import, export and contain, and how they become a kernel.

import { describe, expect, it } from 'vitest';
import { SCALAR_MODULE, SIMD_MODULE } from '../../../src/codec/embedded.ts';
import { bytesOfBase64, kernelOfModule } from '../../../src/codec/wasm.ts';
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

describe('bytesOfBase64', () => {
  it.each([
    ['', ''],
    ['AA==', '00'],
    ['//79', 'ff fe fd'],
    ['AGFzbQ==', '00 61 73 6d'],
  ])('decodes %j', (base64, digits) => {
    expect(bytesOfBase64(base64)).toEqual(hex(digits));
  });

  it('throws on what is not base64', () => {
    expect(() => bytesOfBase64('A!')).toThrow();
  });
});

describe.each([
  { name: 'wasm-simd' as const, base64: SIMD_MODULE },
  { name: 'wasm-scalar' as const, base64: SCALAR_MODULE },
])('the $name module', ({ name, base64 }) => {
  const bytes = bytesOfBase64(base64);
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
    const isSimd = (base64: string): boolean => Buffer.from(bytesOfBase64(base64)).includes(hex('fd 51'));
    expect([isSimd(SIMD_MODULE), isSimd(SCALAR_MODULE)]).toEqual([true, false]);
  });
});
