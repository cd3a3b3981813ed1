// Huffman codes of limited length for the deflater: from how often each symbol occurs to code lengths and codes.
//
// Lengths come from the in-place method of Moffat and Katajainen (1995) over the sorted counts; where one is above the limit, the
// shortest change that makes the code complete again is made to the number of codes of each length.

import { HUFFMAN_WORK } from "./layout";
import { eightLengths, firstIndex, firstLength, reverse, withoutFirst } from "./tables";

// Work space: up to 288 keys (count << 9 | symbol) in order, weights and depths, buckets to sort by, and codes of each length.
const KEYS: usize = HUFFMAN_WORK;
const TREE: usize = HUFFMAN_WORK + 1152;
const BUCKETS: usize = HUFFMAN_WORK + 2304;
const OF_LENGTH: usize = HUFFMAN_WORK + 3328;
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
 * Makes the Huffman code of an alphabet. At least two symbols get a code, since decoders differ over codes of one symbol.
 *
 * @param counts How often each symbol occurs, 32 bits each, together below 2^23.
 * @param symbols How many there are; `counts` has zeros behind them up to a multiple of 4.
 * @param lengths Filled: one byte a symbol, 0 for those without a code.
 * @param codes Filled: one word for each symbol with a code, `length << 16 | code` with its bits reversed (section 3.2.2).
 * @param limit Longest code, 15 at most.
 * @returns How many bits all the symbols take.
 */
export function makeCode(counts: usize, symbols: i32, lengths: usize, codes: usize, limit: i32): u32 {
  memory.fill(lengths, 0, symbols);
  // The codes have room for the keys until they are made.
  let used = 0;
  let highest: u32 = 0;
  for (let four = 0; four < symbols; four += 4) {
    if (areUnused(counts, four)) continue;
    for (let symbol = four; symbol < four + 4; symbol++) {
      const count = at(counts, symbol);
      if (count === 0) continue;
      put(codes, used++, (count << 9) | symbol);
      highest = max(highest, count);
    }
  }
  for (let symbol = 0; used < 2; symbol++) {
    if (at(counts, symbol) === 0) put(codes, used++, (1 << 9) | symbol);
  }
  sortKeys(codes, used, highest);
  countDepths(used, limit);
  limitDepths(limit);
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
  assignCodes(lengths, symbols, codes);
  return sum;
}

/** Whether none of the four symbols from `first` on occurs. */
// @ts-ignore: decorator
@inline
function areUnused(counts: usize, first: i32): bool {
  const four = counts + (<usize>first << 2);
  return (load<u64>(four) | load<u64>(four, 8)) === 0;
}

/** Sorts the keys into KEYS by their counts, 8 bits a round; symbols stand in order already. Most blocks need one round. */
function sortKeys(keys: usize, used: i32, highest: u32): void {
  sortBy(9, used, keys, KEYS, min(highest, 255));
  if (highest < 256) return;
  sortBy(17, used, KEYS, keys, 255);
  sortBy(25, used, keys, KEYS, 255);
}

/** @param last Highest bucket. */
function sortBy(shift: u32, used: i32, from: usize, to: usize, last: i32): void {
  memory.fill(BUCKETS, 0, (last + 1) << 2);
  for (let index = 0; index < used; index++) {
    const bucket = (at(from, index) >> shift) & 0xff;
    put(BUCKETS, bucket, at(BUCKETS, bucket) + 1);
  }
  let sum: u32 = 0;
  for (let bucket = 0; bucket <= last; bucket++) {
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

/** Builds the tree of the keys, whose counts ascend, and counts its leaves by depth; those below the limit count there. */
function countDepths(used: i32, limit: i32): void {
  for (let index = 0; index < used; index++) put(TREE, index, at(KEYS, index) >> 9);
  // Pairs: a weight that was used becomes the index of its parent.
  let root = 0;
  let leaf = 0;
  for (let next = 0; next < used - 1; next++) {
    let sum: u32 = 0;
    for (let pair = 0; pair < 2; pair++) {
      if (leaf >= used || (root < next && at(TREE, root) < at(TREE, leaf))) {
        sum += at(TREE, root);
        put(TREE, root++, next);
      } else {
        sum += at(TREE, leaf++);
      }
    }
    put(TREE, next, sum);
  }
  // From the root down, inner nodes get their depth; the other places at that depth are leaves. The root's parent has depth -1.
  memory.fill(OF_LENGTH, 0, (LONGEST + 1) << 2);
  put(TREE, used - 2, used - 1);
  put(TREE, used - 1, -1);
  let available = 1;
  let inner = used - 2;
  for (let depth: u32 = 0; available > 0; depth++) {
    let nodes = 0;
    for (; inner >= 0 && at(TREE, at(TREE, inner)) + 1 === depth; inner--) {
      put(TREE, inner, depth);
      nodes++;
    }
    const length = min<i32>(depth, limit);
    put(OF_LENGTH, length, at(OF_LENGTH, length) + available - nodes);
    available = nodes << 1;
  }
}

/** Makes the code complete again, where leaves below the limit were moved up to it. */
function limitDepths(limit: i32): void {
  // Kraft's sum in units of the longest code.
  let sum: u32 = 0;
  for (let length = 1; length <= limit; length++) sum += at(OF_LENGTH, length) << (limit - length);
  for (; sum > <u32>1 << limit; sum--) {
    // One of the longest codes moves below the longest of the others, which makes room for both there.
    let length = limit - 1;
    while (at(OF_LENGTH, length) === 0) length--;
    put(OF_LENGTH, length, at(OF_LENGTH, length) - 1);
    put(OF_LENGTH, length + 1, at(OF_LENGTH, length + 1) + 2);
    put(OF_LENGTH, limit, at(OF_LENGTH, limit) - 1);
  }
}

/** Gives each symbol the next code of its length. */
function assignCodes(lengths: usize, symbols: u32, codes: usize): void {
  let code: u32 = 0;
  for (let length = 1; length <= LONGEST; length++) {
    const count = at(OF_LENGTH, length);
    put(OF_LENGTH, length, code);
    code = (code + count) << 1;
  }
  for (let first: u32 = 0; first < symbols; first += 8) {
    for (let eight = eightLengths(lengths, first, symbols); eight !== 0; eight = withoutFirst(eight)) {
      const length = firstLength(eight);
      const next = at(OF_LENGTH, length);
      put(OF_LENGTH, length, next + 1);
      put(codes, first + firstIndex(eight), (length << 16) | reverse(next, length));
    }
  }
}
