// Tables that decode a Huffman code, RFC 1951 section 3.2.2: from code lengths to a table that is indexed by the next bits.
//
// An entry has 32 bits: the value in the upper half, then four flags and a count of extra bits, then how many bits the code takes.
// A code that is longer than the table's root leads to a second table behind it.

import { HUFFMAN_WORK } from "./layout";

export const ENTRY_LITERAL: u32 = 0x8000;
export const ENTRY_END: u32 = 0x4000;
/** The value is the index of a second table, the count its bits. */
export const ENTRY_SUBTABLE: u32 = 0x2000;
export const ENTRY_INVALID: u32 = 0x1000;

export const KIND_CODES: u32 = 0;
export const KIND_LITERALS: u32 = 1;
export const KIND_DISTANCES: u32 = 2;

const LONGEST: u32 = 15;

/** Lengths and distances that symbols stand for, and their extra bits (section 3.2.5). */
const LENGTH_BASES = memory.data<u16>([
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
]);
const LENGTH_EXTRA = memory.data<u8>([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0]);
const DISTANCE_BASES = memory.data<u16>([
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289,
  16385, 24577,
]);

export function lengthBase(symbol: u32): u32 {
  return load<u16>(LENGTH_BASES + (<usize>symbol << 1));
}

export function lengthExtra(symbol: u32): u32 {
  return load<u8>(LENGTH_EXTRA + symbol);
}

export function distanceBase(symbol: u32): u32 {
  return load<u16>(DISTANCE_BASES + (<usize>symbol << 1));
}

export function distanceExtra(symbol: u32): u32 {
  return symbol < 4 ? 0 : (symbol >> 1) - 1;
}

/** The first `length` bits of a code, which are sent from its most significant bit on, as a number whose lowest bit comes first. */
// @ts-ignore: decorator
@inline
export function reverse(code: u32, length: u32): u32 {
  let value = code;
  value = ((value & 0x5555) << 1) | ((value >> 1) & 0x5555);
  value = ((value & 0x3333) << 2) | ((value >> 2) & 0x3333);
  value = ((value & 0x0f0f) << 4) | ((value >> 4) & 0x0f0f);
  value = ((value & 0x00ff) << 8) | ((value >> 8) & 0x00ff);
  return value >> (16 - length);
}

// Most symbols have no code, so code lengths are gone through eight at a time, from one that is not 0 to the next.

/** Eight code lengths from the index `first` on; 0 for those at `count` or behind. */
// @ts-ignore: decorator
@inline
export function eightLengths(lengths: usize, first: u32, count: u32): u64 {
  const eight = load<u64>(lengths + first);
  const left = count - first;
  return left < 8 ? eight & ((<u64>1 << (left << 3)) - 1) : eight;
}

/** Which of the eight is the first with a code. */
// @ts-ignore: decorator
@inline
export function firstIndex(eight: u64): u32 {
  return <u32>ctz(eight) >> 3;
}

// @ts-ignore: decorator
@inline
export function firstLength(eight: u64): u32 {
  return <u32>(eight >> (ctz(eight) & 0x38)) & 0xff;
}

// @ts-ignore: decorator
@inline
export function withoutFirst(eight: u64): u64 {
  return eight & ~((<u64>0xff) << (ctz(eight) & 0x38));
}

function entryOf(kind: u32, symbol: u32): u32 {
  if (kind === KIND_CODES) return symbol << 16;
  if (kind === KIND_DISTANCES) {
    return symbol < 30 ? (distanceBase(symbol) << 16) | (distanceExtra(symbol) << 8) : ENTRY_INVALID;
  }
  if (symbol < 256) return (symbol << 16) | ENTRY_LITERAL;
  if (symbol === 256) return ENTRY_END;
  return symbol < 286 ? (lengthBase(symbol - 257) << 16) | (lengthExtra(symbol - 257) << 8) : ENTRY_INVALID;
}

// Work space: counts and offsets by length (16 halfwords each), then symbols sorted by length and value.
const COUNTS: usize = HUFFMAN_WORK;
const OFFSETS: usize = HUFFMAN_WORK + 32;
const SORTED: usize = HUFFMAN_WORK + 64;

/**
 * Builds a table.
 *
 * @param lengths Address of the code lengths, one byte a symbol.
 * @param count How many symbols there are.
 * @param root Bits that index the first table.
 * @returns Whether the lengths are a code: none may be missing or double, but for a single code of one bit, or no code at all.
 */
export function buildTable(kind: u32, lengths: usize, count: u32, table: usize, root: u32): bool {
  v128Zero(COUNTS);
  for (let first: u32 = 0; first < count; first += 8) {
    for (let eight = eightLengths(lengths, first, count); eight !== 0; eight = withoutFirst(eight)) {
      const at = COUNTS + (<usize>firstLength(eight) << 1);
      store<u16>(at, load<u16>(at) + 1);
    }
  }
  let longest = LONGEST;
  while (longest > 0 && load<u16>(COUNTS + (<usize>longest << 1)) === 0) longest--;
  // Codes of one more bit that are still free.
  let free: i32 = 1;
  let offset: u32 = 0;
  for (let length: u32 = 1; length <= LONGEST; length++) {
    const codes = load<u16>(COUNTS + (<usize>length << 1));
    free = (free << 1) - codes;
    if (free < 0) return false;
    store<u16>(OFFSETS + (<usize>length << 1), <u16>offset);
    offset += codes;
  }
  if (free > 0) {
    if (longest > 1 || (longest === 1 && kind === KIND_CODES)) return false;
    // Of a code-length code without codes zlib makes zeros, of which no block can be made.
    const filler: u32 = kind === KIND_CODES ? 1 : ENTRY_INVALID | 1;
    for (let index: u32 = 0; index < 1 << root; index++) store<u32>(table + (<usize>index << 2), filler);
  }
  for (let first: u32 = 0; first < count; first += 8) {
    for (let eight = eightLengths(lengths, first, count); eight !== 0; eight = withoutFirst(eight)) {
      const at = OFFSETS + (<usize>firstLength(eight) << 1);
      const place = load<u16>(at);
      store<u16>(at, place + 1);
      store<u16>(SORTED + (<usize>place << 1), <u16>(first + firstIndex(eight)));
    }
  }
  if (free > 0) {
    if (longest === 1) {
      const entry = entryOf(kind, load<u16>(SORTED)) | 1;
      for (let index: u32 = 0; index < 1 << root; index += 2) store<u32>(table + (<usize>index << 2), entry);
    }
    return true;
  }
  fillTable(kind, table, root, longest);
  return true;
}

// @ts-ignore: decorator
@inline
function v128Zero(address: usize): void {
  store<u64>(address, 0);
  store<u64>(address, 0, 8);
  store<u64>(address, 0, 16);
  store<u64>(address, 0, 24);
}

/** Fills the first table for one length after the other, doubling it in between, and then the second tables. */
function fillTable(kind: u32, table: usize, root: u32, longest: u32): void {
  let code: u32 = 0;
  let next: usize = SORTED;
  for (let length: u32 = 1; length <= root; length++) {
    code <<= 1;
    const last = next + (<usize>load<u16>(COUNTS + (<usize>length << 1)) << 1);
    for (; next < last; next += 2) {
      store<u32>(table + (<usize>reverse(code++, length) << 2), entryOf(kind, load<u16>(next)) | length);
    }
    if (length < root) double(table, <usize>4 << length);
  }
  let secondTable: u32 = 1 << root;
  let size: u32 = 0;
  let prefix: u32 = 0xffffffff;
  for (let length = root + 1; length <= longest; length++) {
    code <<= 1;
    let left: u32 = load<u16>(COUNTS + (<usize>length << 1));
    for (; left > 0; left--, next += 2) {
      const bits = reverse(code++, length);
      if ((bits & ((1 << root) - 1)) !== prefix) {
        prefix = bits & ((1 << root) - 1);
        secondTable += size;
        const depth = depthOf(length, root, longest, left);
        size = 1 << depth;
        store<u32>(table + (<usize>prefix << 2), (secondTable << 16) | ENTRY_SUBTABLE | (depth << 8));
      }
      const entry = entryOf(kind, load<u16>(next)) | length;
      for (let index = bits >> root; index < size; index += 1 << (length - root)) {
        store<u32>(table + (<usize>(secondTable + index) << 2), entry);
      }
    }
  }
}

/** Copies the first `bytes` of a table behind themselves. */
function double(table: usize, bytes: usize): void {
  if (bytes >= 128) memory.copy(table + bytes, table, bytes);
  else for (let at: usize = 0; at < bytes; at += 4) store<u32>(table + bytes + at, load<u32>(table + at));
}

/** How many bits the second table needs that starts with a code of `length` bits, of which `left` are still to be placed. */
function depthOf(length: u32, root: u32, longest: u32, left: u32): u32 {
  let depth = length - root;
  let free: i32 = (1 << depth) - left;
  while (free > 0 && depth + root < longest) {
    depth++;
    free = (free << 1) - load<u16>(COUNTS + (<usize>(depth + root) << 1));
  }
  return depth;
}
