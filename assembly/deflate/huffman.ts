// Huffman codes of limited length for the deflater: from how often each symbol occurs to code lengths and codes.
//
// Lengths come from the in-place method of Moffat and Katajainen (1995) over the sorted counts; where one is above the limit, the
// shortest change that makes the code complete again is made to the number of codes of each length.

import { HUFFMAN_WORK } from "./layout";
import { eightLengths, firstIndex, firstLength, reverse, withoutFirst } from "./tables";

// Work space: up to 288 keys (count << 9 | symbol) that are sorted, a second array to sort into, weights, and codes of each length.
const KEYS: usize = HUFFMAN_WORK;
const OTHER: usize = HUFFMAN_WORK + 1152;
const BUCKETS: usize = HUFFMAN_WORK + 2304;
const OF_LENGTH: usize = HUFFMAN_WORK + 3328;
const NEXT_CODE: usize = HUFFMAN_WORK + 3392;
const LONGEST: i32 = 15;

// @ts-ignore: decorator
@inline
function at(array: usize, index: i32): u32 {
  return load<u32>(array + (<usize>index << 2));
}

// @ts-ignore: decorator
@inline
function put(array: usize, index: i32, value: u32): void {
  store<u32>(array + (<usize>index << 2), value);
}

/**
 * Makes the code lengths of an alphabet. At least two symbols get a code, since decoders differ over codes of one symbol.
 *
 * @param counts How often each symbol occurs, 32 bits each, together below 2^23.
 * @param lengths Filled: one byte a symbol, 0 for those without a code.
 * @param symbols How many there are; `counts` has zeros behind them up to a multiple of 4.
 * @param limit Longest code, 15 at most.
 * @returns How many bits all the symbols take.
 */
export function makeLengths(counts: usize, symbols: i32, lengths: usize, limit: i32): u32 {
  memory.fill(lengths, 0, symbols);
  let used = 0;
  for (let four = 0; four < symbols; four += 4) {
    if (areUnused(counts, four)) continue;
    for (let symbol = four; symbol < four + 4; symbol++) {
      const count = at(counts, symbol);
      if (count > 0) put(KEYS, used++, (count << 9) | symbol);
    }
  }
  for (let symbol = 0; used < 2; symbol++) {
    if (at(counts, symbol) === 0) put(KEYS, used++, (1 << 9) | symbol);
  }
  sortKeys(used);
  if (used === 2) {
    store<u8>(lengths + (at(KEYS, 0) & 0x1ff), 1);
    store<u8>(lengths + (at(KEYS, 1) & 0x1ff), 1);
    return (at(KEYS, 0) >> 9) + (at(KEYS, 1) >> 9);
  }
  for (let index = 0; index < used; index++) put(OTHER, index, at(KEYS, index) >> 9);
  makeDepths(used);
  countDepths(used, limit);
  // The rarest symbols, which are first, get the longest codes.
  let index = 0;
  let sum: u32 = 0;
  for (let length = limit; length > 0; length--) {
    for (let left = at(OF_LENGTH, length); left > 0; left--) {
      const key = at(KEYS, index++);
      store<u8>(lengths + (key & 0x1ff), <u8>length);
      sum += (key >> 9) * length;
    }
  }
  return sum;
}

/** Whether none of the four symbols from `first` on occurs. */
// @ts-ignore: decorator
@inline
function areUnused(counts: usize, first: i32): bool {
  const four = counts + (<usize>first << 2);
  return (load<u64>(four) | load<u64>(four, 8)) === 0;
}

/** Sorts the keys in ascending order: by insertion while they are few, else by two rounds of 8 bits, or three. */
function sortKeys(used: i32): void {
  if (used > 40) {
    let highest: u32 = 0;
    for (let index = 0; index < used; index++) highest = max(highest, at(KEYS, index));
    // Symbols stand in order already, so only the counts are sorted by.
    sortBy(9, used, KEYS, OTHER);
    if (highest >> 17 === 0) return memory.copy(KEYS, OTHER, <usize>used << 2);
    sortBy(17, used, OTHER, KEYS);
    if (highest >> 25 === 0) return;
    sortBy(25, used, KEYS, OTHER);
    return memory.copy(KEYS, OTHER, <usize>used << 2);
  }
  for (let index = 1; index < used; index++) {
    const key = at(KEYS, index);
    let place = index;
    for (; place > 0 && at(KEYS, place - 1) > key; place--) put(KEYS, place, at(KEYS, place - 1));
    put(KEYS, place, key);
  }
}

function sortBy(shift: u32, used: i32, from: usize, to: usize): void {
  memory.fill(BUCKETS, 0, 1024);
  for (let index = 0; index < used; index++) {
    const bucket = (at(from, index) >> shift) & 0xff;
    put(BUCKETS, bucket, at(BUCKETS, bucket) + 1);
  }
  let sum: u32 = 0;
  for (let bucket = 0; bucket < 256; bucket++) {
    const count = at(BUCKETS, bucket);
    put(BUCKETS, bucket, sum);
    sum += count;
  }
  for (let index = 0; index < used; index++) {
    const key = at(from, index);
    const bucket = (key >> shift) & 0xff;
    const place = at(BUCKETS, bucket);
    put(BUCKETS, bucket, place + 1);
    put(to, place, key);
  }
}

/** Replaces the ascending weights in OTHER by the depths of their leaves, descending. */
function makeDepths(used: i32): void {
  // Pairs: a weight that was used becomes the index of its parent.
  put(OTHER, 0, at(OTHER, 0) + at(OTHER, 1));
  let root = 0;
  let leaf = 2;
  for (let next = 1; next < used - 1; next++) {
    let sum: u32 = 0;
    for (let pair = 0; pair < 2; pair++) {
      if (leaf >= used || (root < next && at(OTHER, root) < at(OTHER, leaf))) {
        sum += at(OTHER, root);
        put(OTHER, root++, next);
      } else {
        sum += at(OTHER, leaf++);
      }
    }
    put(OTHER, next, sum);
  }
  // Depths of the inner nodes, from the root down.
  put(OTHER, used - 2, 0);
  for (let next = used - 3; next >= 0; next--) put(OTHER, next, at(OTHER, at(OTHER, next)) + 1);
  // Depths of the leaves: at each depth, those places that are no inner nodes.
  let available = 1;
  let depth: u32 = 0;
  let inner = used - 2;
  let next = used - 1;
  while (available > 0) {
    let nodes = 0;
    while (inner >= 0 && at(OTHER, inner) === depth) {
      nodes++;
      inner--;
    }
    while (available > nodes) {
      put(OTHER, next--, depth);
      available--;
    }
    available = nodes << 1;
    depth++;
  }
}

/** Counts the codes of each length, within the limit. */
function countDepths(used: i32, limit: i32): void {
  memory.fill(OF_LENGTH, 0, (LONGEST + 1) << 2);
  // Kraft's sum in units of the longest code.
  let sum: u32 = 0;
  for (let index = 0; index < used; index++) {
    const length = min(at(OTHER, index), limit);
    put(OF_LENGTH, length, at(OF_LENGTH, length) + 1);
    sum += 1 << (limit - length);
  }
  for (; sum > <u32>1 << limit; sum--) {
    // One of the longest codes moves below the longest of the others, which makes room for both there.
    let length = limit - 1;
    while (at(OF_LENGTH, length) === 0) length--;
    put(OF_LENGTH, length, at(OF_LENGTH, length) - 1);
    put(OF_LENGTH, length + 1, at(OF_LENGTH, length + 1) + 2);
    put(OF_LENGTH, limit, at(OF_LENGTH, limit) - 1);
  }
}

/** Makes the codes of code lengths (section 3.2.2): one word a symbol, `length << 16 | code` with its bits reversed. */
export function makeCodes(lengths: usize, symbols: u32, codes: usize): void {
  memory.fill(NEXT_CODE, 0, (LONGEST + 1) << 2);
  for (let first: u32 = 0; first < symbols; first += 8) {
    for (let eight = eightLengths(lengths, first, symbols); eight !== 0; eight = withoutFirst(eight)) {
      const length = firstLength(eight);
      put(NEXT_CODE, length, at(NEXT_CODE, length) + 1);
    }
  }
  let code: u32 = 0;
  let count: u32 = 0;
  for (let length = 1; length <= LONGEST; length++) {
    code = (code + count) << 1;
    count = at(NEXT_CODE, length);
    put(NEXT_CODE, length, code);
  }
  for (let first: u32 = 0; first < symbols; first += 8) {
    for (let eight = eightLengths(lengths, first, symbols); eight !== 0; eight = withoutFirst(eight)) {
      const length = firstLength(eight);
      const next = at(NEXT_CODE, length);
      put(NEXT_CODE, length, next + 1);
      put(codes, first + firstIndex(eight), (length << 16) | reverse(next, length));
    }
  }
}
