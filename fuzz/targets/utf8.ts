// The check of UTF-8: the three kernels and the platform's own decoder give the same verdict, wherever the text is cut.

import { SCRATCH, SCRATCH_BYTES } from '../../assembly/layout.ts';
import { UTF8_ACCEPT } from '../../src/codec/codec.ts';
import { createCodecs } from '../../test/support/kernels.ts';
import { utf8 } from '../../test/support/frames.ts';
import { Input, must, mustEqual } from '../input.ts';

const codecs = createCodecs();
const strict = new TextDecoder('utf-8', { fatal: true });

function isText(bytes: Uint8Array): boolean {
  try {
    strict.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** Input: alignment, place of the cut, then the bytes. */
export function fuzz(data: Uint8Array): void {
  const input = new Input(data);
  const alignment = input.byte() & 63;
  const cut = input.length();
  const bytes = input.rest().subarray(0, SCRATCH_BYTES - 64);
  const split = cut % (bytes.length + 1);
  const verdicts = codecs.map(({ memory, kernel }) => {
    const address = SCRATCH + alignment;
    memory.set(bytes, address);
    const half = kernel.validate(address, split, UTF8_ACCEPT);
    return [
      half,
      kernel.validate(address + split, bytes.length - split, half),
      kernel.validate(address, bytes.length, UTF8_ACCEPT),
    ];
  });
  mustEqual(verdicts[0], verdicts[2], 'wasm-simd beside typescript');
  mustEqual(verdicts[1], verdicts[2], 'wasm-scalar beside typescript');
  const [, resumed, whole] = verdicts[2];
  must(resumed === whole, `A cut at ${split} of ${bytes.length} changes the verdict`);
  must((whole === UTF8_ACCEPT) === isText(bytes), `The verdict is ${whole}, and TextDecoder says otherwise`);
}

const seed = (bytes: Uint8Array | string): Uint8Array =>
  Uint8Array.of(7, 5, ...(typeof bytes === 'string' ? utf8(bytes) : bytes));

export const seeds: readonly Uint8Array[] = [
  seed('Hello'),
  seed('κόσμε, 𐍈, \u{10ffff}, \uffff, \u07ff, \u0800'),
  seed('a'.repeat(100) + 'ż'.repeat(40) + '𝄞'.repeat(20)),
  seed(Uint8Array.of(0xed, 0xa0, 0x80)),
  seed(Uint8Array.of(0xf4, 0x90, 0x80, 0x80)),
  seed(Uint8Array.of(0xc0, 0x80, 0xe0, 0x80, 0x80, 0xf0, 0x80, 0x80, 0x80)),
];
