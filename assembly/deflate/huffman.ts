// Huffman codes of limited length for the deflater: from how often each symbol occurs to code lengths and codes.
//
// Lengths come from the in-place method of Moffat and Katajainen (1995) over the sorted counts; where one is above the limit, the
// shortest change that makes the code complete again is made to the number of codes of each length.

import { HUFFMAN_WORK } from "./layout";
import { reverse } from "./tables";

// Work space: symbols that are used, in order (16 bits each), up to 288 keys (count << 9 | symbol) in order and a mark behind them, weights and then depths of inner nodes, their
// parents, buckets to sort by in the same place, codes of each length, and inner nodes of each depth. With counts below 2^23 together,
// no depth is above 32.
const USED: usize = HUFFMAN_WORK;
const KEYS: usize = HUFFMAN_WORK + 592;
const TREE: usize = HUFFMAN_WORK + 1760;
const PARENTS: usize = HUFFMAN_WORK + 2912;
const BUCKETS: usize = PARENTS;
const OF_LENGTH: usize = HUFFMAN_WORK + 4064;
const OF_DEPTH: usize = HUFFMAN_WORK + 4128;
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
 * @param counts How often each symbol occurs, 32 bits each, together below 2^23. Where fewer than two do, the first ones are said to.
 * @param symbols How many there are; `counts` has zeros behind them up to a multiple of 4.
 * @param lengths Filled: one byte a symbol, 0 for those without a code.
 * @param codes Filled: one word for each symbol with a code, `length << 16 | code` with its bits reversed (section 3.2.2).
 * @param limit Longest code, 15 at most.
 * @returns How many bits all the symbols take.
 */
export function makeCode(counts: usize, symbols: i32, lengths: usize, codes: usize, limit: i32): u32 {
  memory.fill(lengths, 0, symbols);
  let used = 0;
  let highest: u32 = 0;
  while (true) {
    // The codes have room for the keys until they are made.
    for (let four = 0; four < symbols; four += 4) {
      if (areUnused(counts, four)) continue;
      for (let symbol = four; symbol < four + 4; symbol++) {
        const count = at(counts, symbol);
        put(codes, used, (count << 9) | symbol);
        store<u16>(USED + (<usize>used << 1), <u16>symbol);
        used += i32(count !== 0);
        highest = max(highest, count);
      }
    }
    if (used >= 2) break;
    put(counts, at(counts, 0) === 0 ? 0 : 1, 1);
    used = 0;
  }
  sortKeys(codes, used, highest);
  makeTree(used);
  if (countDepths(used, limit) > limit) limitDepths(limit);
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
  assignCodes(lengths, used, codes);
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

/** Builds the tree of the keys, whose counts ascend: joins the two lightest nodes again and again, without branches that none could foresee. */
function makeTree(used: i32): void {
  // Behind the last leaf and the last inner node stands a weight above all others.
  put(KEYS, used, 0xffffffff);
  let root: usize = TREE;
  let leaf: usize = KEYS;
  for (let next = 0; next < used - 1; next++) {
    put(TREE, next, 0xffffffff);
    let sum: u32 = 0;
    for (let pair = 0; pair < 2; pair++) {
      const ofLeaf = load<u32>(leaf) >> 9;
      const ofRoot = load<u32>(root);
      const isLeaf: usize = ofLeaf <= ofRoot ? 4 : 0;
      // Overwritten unless it is taken.
      store<u32>(root, next, PARENTS - TREE);
      sum += min(ofLeaf, ofRoot);
      leaf += isLeaf;
      root += 4 - isLeaf;
    }
    put(TREE, next, sum);
  }
}

/** Counts the leaves of the tree by depth; those below the limit count there. @returns The greatest depth. */
function countDepths(used: i32, limit: i32): i32 {
  memory.fill(OF_LENGTH, 0, 64 + 4 * 36);
  let deepest = -1;
  put(PARENTS, used - 2, used - 1);
  put(TREE, used - 1, -1);
  for (let inner = used - 2; inner >= 0; inner--) {
    deepest = at(TREE, at(PARENTS, inner)) + 1;
    put(TREE, inner, deepest);
    put(OF_DEPTH, deepest, at(OF_DEPTH, deepest) + 1);
  }
  // The places below the inner nodes of one depth that are no inner nodes are leaves.
  for (let depth = 0; depth <= deepest; depth++) {
    const length = min<i32>(depth + 1, limit);
    put(OF_LENGTH, length, at(OF_LENGTH, length) + 2 * at(OF_DEPTH, depth) - at(OF_DEPTH, depth + 1));
  }
  return deepest + 1;
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
function assignCodes(lengths: usize, used: i32, codes: usize): void {
  let code: u32 = 0;
  for (let length = 1; length <= LONGEST; length++) {
    const count = at(OF_LENGTH, length);
    put(OF_LENGTH, length, code);
    code = (code + count) << 1;
  }
  for (let index = 0; index < used; index++) {
    const symbol: i32 = load<u16>(USED + (<usize>index << 1));
    const length: u32 = load<u8>(lengths + symbol);
    const next = at(OF_LENGTH, length);
    put(OF_LENGTH, length, next + 1);
    put(codes, symbol, (length << 16) | reverse(next, length));
  }
}
