// Tables that decode a Huffman code, RFC 1951 section 3.2.2: from code lengths to a table that is indexed by the next bits.
//
// An entry has 32 bits: the value in the upper half, then four flags and a count of extra bits, then how many bits the code takes.
// A code that is longer than the table's root leads to a second table behind it.

import { DISTANCE_ENTRIES, HUFFMAN_WORK, LITERAL_ENTRIES } from "./layout";

export const ENTRY_LITERAL: u32 = 0x8000;
export const ENTRY_END: u32 = 0x4000;
/** The value is the index of a second table, the count its bits. */
export const ENTRY_SUBTABLE: u32 = 0x2000;
export const ENTRY_INVALID: u32 = 0x1000;

/** Bits of the table of the code-length code, and of no other. Its symbols are numbers, as literals are, and have their entries. */
export const CODE_ROOT: u32 = 7;
/** Bits that index the first table of the last {@link buildTable}. */
export let tableRoot: u32 = 0;

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

/** The code after `code`, with the bits of both reversed. The last one of its length has none. */
// @ts-ignore: decorator
@inline
export function nextReversed(code: u32, length: u32): u32 {
  // The first 0 from the most significant bit on, which is the highest here, becomes 1, and the 1s before it become 0.
  const bit = <u32>0x80000000 >> clz(code ^ ((1 << length) - 1));
  return (code & (bit - 1)) | bit;
}

/** Writes down the entries of all literal/length and distance symbols, but for their bits. Called once. */
export function prepareEntries(): void {
  for (let symbol: u32 = 0; symbol < 256; symbol++) store<u32>(LITERAL_ENTRIES + (symbol << 2), (symbol << 16) | ENTRY_LITERAL);
  store<u32>(LITERAL_ENTRIES + 1024, ENTRY_END);
  for (let symbol: u32 = 0; symbol < 31; symbol++) {
    const length = symbol < 29 ? (lengthBase(symbol) << 16) | (lengthExtra(symbol) << 8) : ENTRY_INVALID;
    store<u32>(LITERAL_ENTRIES + 1028 + (symbol << 2), length);
  }
  for (let symbol: u32 = 0; symbol < 32; symbol++) {
    const distance = symbol < 30 ? (distanceBase(symbol) << 16) | (distanceExtra(symbol) << 8) : ENTRY_INVALID;
    store<u32>(DISTANCE_ENTRIES + (symbol << 2), distance);
  }
}

// Work space: counts and offsets by length (16 halfwords each), then symbols sorted by length and value, and before that in
// order with their lengths (a word each).
const COUNTS: usize = HUFFMAN_WORK;
const OFFSETS: usize = HUFFMAN_WORK + 32;
const SORTED: usize = HUFFMAN_WORK + 64;
const USED: usize = HUFFMAN_WORK + 704;

/**
 * Builds a table. Its root is no longer than the longest code, which is short in most short messages.
 *
 * @param entries Address of the entries of the symbols: one of the two that layout.ts has.
 * @param lengths Address of the code lengths, one byte a symbol.
 * @param count How many symbols there are.
 * @param mostBits Most bits that index the first table.
 * @returns Whether the lengths are a code: none may be missing or double, but for a single code of one bit, or no code at all.
 */
export function buildTable(entries: usize, lengths: usize, count: u32, table: usize, mostBits: u32): bool {
  v128Zero(COUNTS);
  // Most symbols have no code, so code lengths are gone through eight at a time, from one that is not 0 to the next.
  let used: usize = USED;
  for (let first: u32 = 0; first < count; first += 8) {
    let eight = load<u64>(lengths + first);
    if (count - first < 8) eight &= (<u64>1 << ((count - first) << 3)) - 1;
    while (eight !== 0) {
      const shift = ctz(eight) & 0x38;
      const length = <u32>(eight >> shift) & 0xff;
      store<u32>(used, (length << 16) | (first + (<u32>shift >> 3)));
      used += 4;
      eight &= ~((<u64>0xff) << shift);
      const at = COUNTS + (<usize>length << 1);
      store<u16>(at, load<u16>(at) + 1);
    }
  }
  let longest = LONGEST;
  while (longest > 0 && load<u16>(COUNTS + (<usize>longest << 1)) === 0) longest--;
  const root = max(1, min(longest, mostBits));
  tableRoot = root;
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
    if (longest > 1 || (longest === 1 && mostBits === CODE_ROOT)) return false;
    // Of a code-length code without codes zlib makes zeros, of which no block can be made.
    const filler: u32 = mostBits === CODE_ROOT ? 1 : ENTRY_INVALID | 1;
    store<u32>(table, filler);
    store<u32>(table, filler, 4);
  }
  for (let at: usize = USED; at < used; at += 4) {
    const length = load<u16>(at, 2);
    const offsetAt = OFFSETS + (<usize>length << 1);
    const place = load<u16>(offsetAt);
    store<u16>(offsetAt, place + 1);
    store<u16>(SORTED + (<usize>place << 1), load<u16>(at));
  }
  if (free > 0) {
    if (longest === 1) {
      store<u32>(table, load<u32>(entries + (<usize>load<u16>(SORTED) << 2)) | 1);
    }
    return true;
  }
  fillTable(entries, table, root, longest);
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
function fillTable(entries: usize, table: usize, root: u32, longest: u32): void {
  // Its bits are reversed.
  let code: u32 = 0;
  let next: usize = SORTED;
  for (let length: u32 = 1; length <= root; length++) {
    const last = next + (<usize>load<u16>(COUNTS + (<usize>length << 1)) << 1);
    for (; next < last; next += 2) {
      store<u32>(table + (<usize>code << 2), load<u32>(entries + (<usize>load<u16>(next) << 2)) | length);
      code = nextReversed(code, length);
    }
    if (length < root) double(table, <usize>4 << length);
  }
  // All second tables are as large as the longest code needs: most blocks have none, and to count for each would take more code.
  const mask: u32 = (1 << root) - 1;
  const depth = longest - root;
  const size: u32 = 1 << depth;
  let secondTable: u32 = (1 << root) - size;
  let prefix: u32 = 0xffffffff;
  for (let length = root + 1; length <= longest; length++) {
    const last = next + (<usize>load<u16>(COUNTS + (<usize>length << 1)) << 1);
    for (; next < last; next += 2) {
      if ((code & mask) !== prefix) {
        prefix = code & mask;
        secondTable += size;
        store<u32>(table + (<usize>prefix << 2), (secondTable << 16) | ENTRY_SUBTABLE | (depth << 8));
      }
      const entry = load<u32>(entries + (<usize>load<u16>(next) << 2)) | length;
      for (let index = code >> root; index < size; index += 1 << (length - root)) {
        store<u32>(table + (<usize>(secondTable + index) << 2), entry);
      }
      code = nextReversed(code, length);
    }
  }
}

/** Copies the first `bytes` of a table behind themselves. */
function double(table: usize, bytes: usize): void {
  const last = table + bytes;
  for (let at = table; at < last; at += 8) store<u64>(at + bytes, load<u64>(at));
}
