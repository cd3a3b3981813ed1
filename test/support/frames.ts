// Builds frames byte by byte, RFC 6455 section 5.2, sharing nothing with the codec. Also frames that break the rules.

export interface FrameOptions {
  /** Low four bits of the first byte. Default: 1, text. */
  opcode?: number;
  /** Default: true. */
  fin?: boolean;
  /** Default: false, as for rsv2 and rsv3. */
  rsv1?: boolean;
  rsv2?: boolean;
  rsv3?: boolean;
  /** A string is encoded as UTF-8. Default: empty. */
  payload?: Uint8Array | string;
  /** Masking key, four bytes. Default: the frame is not masked. */
  key?: Uint8Array;
  /** Bits of the length field. Default: the shortest form. */
  lengthBits?: 7 | 16 | 64;
  /** The length that the header claims. Default: that of the payload. */
  length?: number | bigint;
}

/** The bytes of one frame. */
export function frame(options: FrameOptions = {}): Uint8Array<ArrayBuffer> {
  const { opcode = 1, fin = true, rsv1 = false, rsv2 = false, rsv3 = false, key } = options;
  const payload = typeof options.payload === 'string' ? utf8(options.payload) : (options.payload ?? new Uint8Array());
  const length = BigInt(options.length ?? payload.length);
  const lengthBits = options.lengthBits ?? (length < 126n ? 7 : length < 65536n ? 16 : 64);
  const lengthBytes = lengthBits === 7 ? 0 : lengthBits / 8;
  const short = lengthBits === 7 ? Number(length) : lengthBits === 16 ? 126 : 127;
  const head = 2 + lengthBytes + (key ? 4 : 0);
  const bytes = new Uint8Array(head + payload.length);
  bytes[0] = (fin ? 0x80 : 0) | (rsv1 ? 0x40 : 0) | (rsv2 ? 0x20 : 0) | (rsv3 ? 0x10 : 0) | opcode;
  bytes[1] = (key ? 0x80 : 0) | short;
  for (let index = 0; index < lengthBytes; index++)
    bytes[2 + index] = Number((length >> BigInt(8 * (lengthBytes - 1 - index))) & 0xffn);
  if (key) bytes.set(key, 2 + lengthBytes);
  for (let index = 0; index < payload.length; index++) bytes[head + index] = payload[index] ^ (key ? key[index % 4] : 0);
  return bytes;
}

/** The bytes of `digits`, in which white space is free: `hex('81 05 48656c6c6f')`. */
export function hex(digits: string): Uint8Array<ArrayBuffer> {
  const compact = digits.replace(/\s/g, '');
  if (!/^(?:[0-9a-f]{2})*$/i.test(compact)) throw new Error(`Not hexadecimal bytes: ${digits}`);
  return Uint8Array.from({ length: compact.length / 2 }, (_, index) => parseInt(compact.slice(2 * index, 2 * index + 2), 16));
}

/** `bytes` as digits, a space between two bytes, as {@link hex} takes them. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

/** `parts` one behind the other. */
export function concat(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** `text` as UTF-8. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new TextEncoder().encode(text));
}

/** `length` bytes that differ from their neighbours, the same ones every time. */
export function pattern(length: number, seed: number = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let index = 0, value = seed; index < length; index++) {
    value = (Math.imul(value, 1103515245) + 12345) >>> 0;
    bytes[index] = value >>> 16;
  }
  return bytes;
}
