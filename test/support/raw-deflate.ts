// A program over `wasock/deflate` for any runtime. Its result is JSON.

import type { Deflater, Inflater } from '../../src/deflate/index.ts';

export interface Classes {
  readonly Deflater: new (...values: ConstructorParameters<typeof Deflater>) => Deflater;
  readonly Inflater: new (...values: ConstructorParameters<typeof Inflater>) => Inflater;
}

function nameOfError(action: () => unknown): string {
  try {
    action();
    return 'none';
  } catch (error) {
    return (error as Error).name;
  }
}

/** Messages there and back, with context takeover and without, in parts, too long and malformed. */
export function useDeflate({ Deflater, Inflater }: Classes): unknown {
  const toHex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  const read = (message: Uint8Array): string => new TextDecoder().decode(message);
  const [kept, afresh] = [true, false].map((contextTakeover) => {
    const [deflater, inflater] = [new Deflater({ contextTakeover }), new Inflater({ contextTakeover })];
    return ['Hello', 'Hello', ''].map((text) => {
      const packed = deflater.deflate(bytes(text));
      return [toHex(packed), read(inflater.inflate(packed))];
    });
  });
  const [deflater, inflater] = [new Deflater({ windowBits: 9 }), new Inflater({ windowBits: 9 })];
  const long = 'All that a page sends. '.repeat(20_000);
  const parts = [
    inflater.inflate(deflater.deflate(bytes('one '), false), false),
    inflater.inflate(deflater.deflate(bytes('message')), true),
  ];
  const isSame = read(inflater.inflate(deflater.deflate(bytes(long)))) === long;
  const bomb = new Deflater().deflate(new Uint8Array(1_000_000));
  const errors = [
    nameOfError(() => new Inflater({ maxLength: 1000 }).inflate(bomb)),
    nameOfError(() => new Inflater().inflate(new Uint8Array([0xff, 0xff]))),
    nameOfError(() => new Inflater().inflate(new Uint8Array([0xf2, 0x48]))),
    nameOfError(() => new Deflater({ level: 10 })),
    nameOfError(() => new Deflater().deflate('text' as never)),
  ];
  return { kept, afresh, parts: parts.map(read), isSame, errors };
}

export const EXPECTED = {
  kept: [
    ['f248cdc9c90700', 'Hello'],
    ['02130000', 'Hello'],
    ['00', ''],
  ],
  afresh: [
    ['f248cdc9c90700', 'Hello'],
    ['f248cdc9c90700', 'Hello'],
    ['00', ''],
  ],
  parts: ['one ', 'message'],
  isSame: true,
  errors: ['InflateLengthError', 'InflateDataError', 'InflateDataError', 'RangeError', 'TypeError'],
};
