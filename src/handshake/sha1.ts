// SHA-1, FIPS 180-4 section 6.1: the handshake needs it at once, and no runtime-neutral API computes it without a promise.
// It proves that the peer speaks WebSocket (RFC 6455 section 10.8) and protects nothing.

const BLOCK_BYTES = 64;
// Working memory, the same for every call: allocating it would cost as much as compressing a block.
const schedule: Int32Array = new Int32Array(80);
const state: Int32Array = new Int32Array(5);
const lastBlocks: Uint8Array = new Uint8Array(2 * BLOCK_BYTES);
const CHOOSE = 0x5a827999;
const FIRST_PARITY = 0x6ed9eba1;
// Negative, as every term must stay an int32: sums of doubles take several times as long.
const MAJORITY = 0x8f1bbcdc | 0;
const SECOND_PARITY = 0xca62c1d6 | 0;

function expand(words: Int32Array, bytes: Uint8Array, start: number): void {
  for (let index = 0, at = start; index < 16; index++, at += 4) {
    words[index] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
  }
  for (let index = 16; index < 80; index++) {
    const mixed = words[index - 3] ^ words[index - 8] ^ words[index - 14] ^ words[index - 16];
    words[index] = (mixed << 1) | (mixed >>> 31);
  }
}

function compress(bytes: Uint8Array, start: number): void {
  const words = schedule;
  expand(words, bytes, start);
  let a = state[0];
  let b = state[1];
  let c = state[2];
  let d = state[3];
  let e = state[4];
  for (let index = 0; index < 80; index++) {
    let mixed: number;
    if (index < 20) mixed = (((b & c) | (~b & d)) + CHOOSE) | 0;
    else if (index < 40) mixed = ((b ^ c ^ d) + FIRST_PARITY) | 0;
    else if (index < 60) mixed = (((b & c) | (b & d) | (c & d)) + MAJORITY) | 0;
    else mixed = ((b ^ c ^ d) + SECOND_PARITY) | 0;
    const sum = (mixed + ((e + words[index]) | 0)) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = (((a << 5) | (a >>> 27)) + sum) | 0;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
}

/**
 * The SHA-1 digest of `bytes`.
 *
 * @param bytes Borrowed, not changed. At most 2^29 - 1 of them.
 * @returns 20 bytes, the caller's.
 */
export function sha1(bytes: Uint8Array): Uint8Array {
  state[0] = 0x67452301;
  state[1] = 0xefcdab89;
  state[2] = 0x98badcfe;
  state[3] = 0x10325476;
  state[4] = 0xc3d2e1f0;
  const whole = bytes.length - (bytes.length % BLOCK_BYTES);
  for (let at = 0; at < whole; at += BLOCK_BYTES) compress(bytes, at);

  const left = bytes.length - whole;
  const end = left + 9 > BLOCK_BYTES ? 2 * BLOCK_BYTES : BLOCK_BYTES;
  lastBlocks.fill(0);
  for (let at = 0; at < left; at++) lastBlocks[at] = bytes[whole + at];
  lastBlocks[left] = 0x80;
  const bits = bytes.length * 8;
  for (let index = 0; index < 4; index++) lastBlocks[end - 1 - index] = bits >>> (8 * index);
  for (let at = 0; at < end; at += BLOCK_BYTES) compress(lastBlocks, at);

  const digest = new Uint8Array(20);
  for (let index = 0; index < 20; index++) digest[index] = state[index >> 2] >>> (24 - 8 * (index & 3));
  return digest;
}
