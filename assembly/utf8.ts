// UTF-8 validation, RFC 3629 as RFC 6455 section 8.1 asks. Imports nothing.
//
// Three speeds over one definition: blocks of pure ASCII are skipped by their sign bits, other blocks go through the table
// method of Keiser and Lemire ("Validating UTF-8 in less than one instruction per byte", 2021), and whatever is left at either
// end goes byte by byte through `step`, which also gives the state that carries a code point over to the next chunk.

/** State of the validator between two code points. */
export const UTF8_ACCEPT: u32 = 0;
/** The bytes seen are not a prefix of any valid text. */
export const UTF8_REJECT: u32 = 0xffffffff;

/** Whether `validate` has met only bytes below 0x80 in its last call. */
export let wasAscii: bool = true;

/**
 * Takes one byte. A state is 0, or packs the bytes that must follow: the number of continuation bytes still to come (bits 0–7) and the
 * range of the first of them (bits 8–15 lowest, 16–23 highest), which rules out overlong forms, surrogates and code points above
 * U+10FFFF at the earliest byte.
 */
// @ts-ignore: decorator
@inline
function step(state: u32, byte: u32): u32 {
  if (state == UTF8_ACCEPT) {
    if (byte < 0x80) return UTF8_ACCEPT;
    if (byte < 0xc2) return UTF8_REJECT;
    if (byte < 0xe0) return 0xbf8001;
    if (byte < 0xf0) return byte == 0xe0 ? 0xbfa002 : byte == 0xed ? 0x9f8002 : 0xbf8002;
    if (byte < 0xf5) return byte == 0xf0 ? 0xbf9003 : byte == 0xf4 ? 0x8f8003 : 0xbf8003;
    return UTF8_REJECT;
  }
  if (byte < ((state >> 8) & 0xff) || byte > state >> 16) return UTF8_REJECT;
  const missing = (state & 0xff) - 1;
  return missing == 0 ? UTF8_ACCEPT : 0xbf8000 | missing;
}

/**
 * Validates `length` bytes at `address`, which go on from `state`.
 *
 * Reads nothing outside [address, address + length) and writes nothing.
 *
 * @param state Result of the call for the bytes before; 0 at the start of a text.
 * @returns The state after the last byte: 0 when the text may end here, {@link UTF8_REJECT} as soon as a byte fits no valid text.
 */
export function validate(address: usize, length: usize, state: u32): u32 {
  const end = address + length;
  let at = address;
  wasAscii = state == UTF8_ACCEPT;
  if (state == UTF8_REJECT) return UTF8_REJECT;
  while (state != UTF8_ACCEPT && at < end) {
    state = step(state, load<u8>(at++));
    if (state == UTF8_REJECT) return UTF8_REJECT;
  }
  if (ASC_FEATURE_SIMD) {
    at = skipAscii16(at, end);
    if (at + 32 <= end) {
      wasAscii = false;
      at = validateBlocks(at, end);
      if (at == 0) return UTF8_REJECT;
    }
  }
  for (; at < end; ++at) {
    if (state == UTF8_ACCEPT && at + 8 <= end) {
      if (!(load<u64>(at) & 0x8080808080808080)) {
        at += 7;
        continue;
      }
    }
    const byte = <u32>load<u8>(at);
    if (byte >= 0x80) wasAscii = false;
    state = step(state, byte);
    if (state == UTF8_REJECT) return UTF8_REJECT;
  }
  return state;
}

/** Returns the address of the first 16-byte block with a byte above 0x7F, or where fewer than 16 bytes are left. */
// @ts-ignore: decorator
@inline
function skipAscii16(at: usize, end: usize): usize {
  for (; at + 64 <= end; at += 64) {
    const low = v128.or(v128.load(at), v128.load(at, 16));
    const high = v128.or(v128.load(at, 32), v128.load(at, 48));
    if (i8x16.bitmask(v128.or(low, high))) break;
  }
  while (at + 16 <= end && !i8x16.bitmask(v128.load(at))) at += 16;
  return at;
}

// Error classes of a pair of neighbouring bytes; a pair is bad when all three tables agree on a class.
const TOO_SHORT: i8 = 1;
const TOO_LONG: i8 = 2;
const OVERLONG_3: i8 = 4;
const TOO_LARGE: i8 = 8;
const SURROGATE: i8 = 16;
const OVERLONG_2: i8 = 32;
const TOO_LARGE_1000: i8 = 64;
const OVERLONG_4: i8 = 64;
const TWO_CONTINUATIONS: i8 = -128;
const CARRY: i8 = TOO_SHORT | TOO_LONG | TWO_CONTINUATIONS;
const LARGE: i8 = CARRY | TOO_LARGE | TOO_LARGE_1000;
const LATER: i8 = TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS;

/**
 * Validates whole 16-byte blocks from `at`, which must be the start of a code point.
 *
 * @returns The address up to which all is valid and complete, at a code point's start; 0 when something is invalid.
 */
function validateBlocks(at: usize, end: usize): usize {
  // prettier-ignore
  const byHighNibble = i8x16(
    TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG,
    TWO_CONTINUATIONS, TWO_CONTINUATIONS, TWO_CONTINUATIONS, TWO_CONTINUATIONS,
    TOO_SHORT | OVERLONG_2, TOO_SHORT, TOO_SHORT | OVERLONG_3 | SURROGATE, TOO_SHORT | TOO_LARGE | TOO_LARGE_1000 | OVERLONG_4,
  );
  // prettier-ignore
  const byLowNibble = i8x16(
    CARRY | OVERLONG_3 | OVERLONG_2 | OVERLONG_4, CARRY | OVERLONG_2, CARRY, CARRY,
    CARRY | TOO_LARGE, LARGE, LARGE, LARGE, LARGE, LARGE, LARGE, LARGE, LARGE, LARGE | SURROGATE, LARGE, LARGE,
  );
  // prettier-ignore
  const byNextHighNibble = i8x16(
    TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
    LATER | OVERLONG_3 | TOO_LARGE_1000 | OVERLONG_4,
    LATER | OVERLONG_3 | TOO_LARGE,
    LATER | SURROGATE | TOO_LARGE,
    LATER | SURROGATE | TOO_LARGE,
    TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
  );
  const nibble = i8x16.splat(0x0f);
  let previous = i8x16.splat(0);
  let error = i8x16.splat(0);
  for (; at + 16 <= end; at += 16) {
    const block = v128.load(at);
    // prettier-ignore
    const before1 = i8x16.shuffle(previous, block, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30);
    // prettier-ignore
    const before2 = i8x16.shuffle(previous, block, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29);
    // prettier-ignore
    const before3 = i8x16.shuffle(previous, block, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28);
    const classes = v128.and(
      v128.and(
        i8x16.swizzle(byHighNibble, i8x16.shr_u(before1, 4)),
        i8x16.swizzle(byLowNibble, v128.and(before1, nibble)),
      ),
      i8x16.swizzle(byNextHighNibble, i8x16.shr_u(block, 4)),
    );
    // The third and fourth byte of a code point must be continuations, and nothing else may be: compare with TWO_CONTINUATIONS.
    const third = i8x16.sub_sat_u(before2, i8x16.splat(<i8>(0xe0 - 0x80)));
    const fourth = i8x16.sub_sat_u(before3, i8x16.splat(<i8>(0xf0 - 0x80)));
    const must = v128.and(v128.or(third, fourth), i8x16.splat(<i8>0x80));
    error = v128.or(error, v128.xor(must, classes));
    previous = block;
  }
  if (v128.any_true(error)) return 0;
  return at - unfinished(at);
}

/** How many of the bytes just before `at` belong to a code point that is not complete there: 0 to 3. */
// @ts-ignore: decorator
@inline
function unfinished(at: usize): usize {
  if (load<u8>(at - 1) >= 0xc0) return 1;
  if (load<u8>(at - 2) >= 0xe0) return 2;
  if (load<u8>(at - 3) >= 0xf0) return 3;
  return 0;
}
