// Match finder of the deflater: chains of earlier positions with the same hash of four bytes. Matches of three bytes are looked for at
// the last distance only: text gains nothing by others, and numbers in binary arrays repeat at the distance of their size.
//
// The tables hold positions relative to `base`, in 16 bits, so 0 is no position. They are never cleared: a position that is older than the
// window of the connection at hand is below `windowStart`, and positions only grow. Once they would not fit any more, all shrink by
// 32,768 and the oldest become 0.

import { CHAINS, CONTEXT_BYTES, DEFLATE_DATA, FIRST_CONTEXT, HASHES, WINDOW_BYTES } from "./layout";

const MIXER: u32 = 0x9e3779b1;
/** Farthest back that a match of three bytes pays for its distance. */
const NEAR: u32 = 64;

/** Address of the context at hand. */
export let context: usize = FIRST_CONTEXT;
/** Address that position 0 stands for. */
export let base: usize = 0;
/** Address of the oldest byte that may be referred to. */
export let windowStart: usize = 0;
/** Address of the next byte that is not in the tables. */
export let inserted: usize = 0;
/** Farthest distance. */
export let farthest: usize = 0;
/** Bits that a hash drops of 32. It has one more than the window, 15 at most: eight small windows with their tables stay in the caches. */
let hashShift: u32 = 0;
/** Distance of the last match found; at the start of a block, the size of many numbers. */
export let matchDistance: u32 = 4;

/** Starts a block, which looks the same whatever came before it. */
export function forgetDistance(): void {
  matchDistance = 4;
}

/** Starts with tables that are empty. @param address Of position 0, which is none. */
export function startTables(address: usize): void {
  base = address;
}

/** Writes down the window of the context at hand. */
export function saveWindow(state: usize): void {
  store<u32>(state, base);
  store<u32>(state, windowStart, 4);
  store<u32>(state, inserted, 8);
  store<u32>(state, farthest, 12);
}

/** Goes on with the window of another context. */
export function restoreWindow(index: u32, state: usize): void {
  context = FIRST_CONTEXT + index * CONTEXT_BYTES;
  base = load<u32>(state);
  windowStart = load<u32>(state, 4);
  inserted = load<u32>(state, 8);
  setFarthest(load<u32>(state, 12));
}

/** Starts a window whose bytes from `start` on are still to be put into the tables. */
export function setWindow(start: usize, distance: usize): void {
  windowStart = start;
  inserted = start;
  setFarthest(distance);
}

/** @param distance 32,767 at most. */
function setFarthest(distance: usize): void {
  farthest = distance;
  hashShift = <u32>clz<u32>(<u32>distance);
}

/** Forgets positions below `start`. */
export function trimWindow(start: usize): void {
  windowStart = max(windowStart, start);
}

/** Empties the tables, which are zero at first. @param address Of position 0, which is none. */
export function clearTables(address: usize): void {
  memory.fill(context, 0, DEFLATE_DATA);
  base = address;
}

/** Lowers all addresses, since the data has moved. */
export function moveWindow(by: usize): void {
  base -= by;
  windowStart -= by;
  inserted -= by;
}

// Places in the tables: offsets of 16 bits from the context.

// @ts-ignore: decorator
@inline
function hash(bytes: u32, shift: u32): usize {
  return ((bytes * MIXER) >> shift) << 1;
}

// @ts-ignore: decorator
@inline
function linkOf(position: usize): usize {
  return (position & (<usize>WINDOW_BYTES - 1)) << 1;
}

/** Puts the positions up to `until` into the chains, as far as four bytes lie before `end`. */
export function insertUntil(until: usize, end: usize): void {
  const last = min(until, end - 3);
  const origin = base;
  const tables = context;
  const shift = hashShift;
  let address = inserted;
  for (; address < last; address++) {
    const position = address - origin;
    const newest = tables + hash(load<u32>(address), shift);
    store<u16>(tables + linkOf(position), load<u16>(newest, HASHES), CHAINS);
    store<u16>(newest, <u16>position, HASHES);
  }
  inserted = address;
}

/** Subtracts 32,768 from all positions; those that are older become 0. */
export function rebase(): void {
  const last = context + DEFLATE_DATA;
  for (let at = context; at < last; at += 16) {
    if (ASC_FEATURE_SIMD) {
      v128.store(at, i16x8.sub_sat_u(v128.load(at), i16x8.splat(-32768)));
    } else {
      for (let halfword = at; halfword < at + 16; halfword += 2) {
        const position = <i32>load<u16>(halfword) - WINDOW_BYTES;
        store<u16>(halfword, <u16>max(position, 0));
      }
    }
  }
  base += WINDOW_BYTES;
  inserted = max(inserted, base + 1);
}

/**
 * Finds the longest match for the bytes at `address`, of which four at least are there, and puts them into the tables. All before them
 * are there already.
 *
 * @param above Only a longer match counts; 2 at least.
 * @param longest Bytes that may match, 258 at most.
 * @param nice Length that ends the search.
 * @param depth How many positions are tried.
 * @returns Its length, with its distance in {@link matchDistance}; 0 when there is none.
 */
export function findMatch(address: usize, above: u32, longest: u32, nice: u32, depth: u32): u32 {
  const origin = base;
  const oldest = max(max(windowStart, address - farthest), origin + 1) - origin;
  const bytes = load<u32>(address);
  const tables = context;
  const newest = tables + hash(bytes, hashShift);
  const own = address - origin;
  let best: u32 = above;
  let found: u32 = 0;
  if (best < 3) {
    const isNear = matchDistance <= NEAR && own >= oldest + matchDistance;
    if (isNear && ((load<u32>(address - matchDistance) ^ bytes) & 0xffffff) === 0) found = 3;
    best = 3;
  }
  let position: usize = load<u16>(newest, HASHES);
  store<u16>(tables + linkOf(own), <u16>position, CHAINS);
  store<u16>(newest, <u16>own, HASHES);
  inserted = address + 1;
  // The last four bytes of a longer match, which differ most often.
  let last = load<u32>(address + best - 3);
  const enough = min(nice, longest);
  while (position >= oldest && depth-- > 0) {
    const candidate = origin + position;
    if (load<u32>(candidate + best - 3) === last && load<u32>(candidate) === bytes) {
      const length = lengthOf(candidate, address, longest);
      if (length > best) {
        found = best = length;
        matchDistance = <u32>(address - candidate);
        if (length >= enough) break;
        last = load<u32>(address + best - 3);
      }
    }
    const next: usize = load<u16>(tables + linkOf(position), CHAINS);
    if (next >= position) break;
    position = next;
  }
  return found;
}

/** How many bytes match, of which the first four do. Reads up to 8 bytes behind the longest. */
// @ts-ignore: decorator
@inline
function lengthOf(candidate: usize, address: usize, longest: u32): u32 {
  let length: u32 = 4;
  while (length < longest) {
    const difference = load<u64>(candidate + length) ^ load<u64>(address + length);
    if (difference !== 0) return min(longest, length + (<u32>ctz<u64>(difference) >> 3));
    length += 8;
  }
  return longest;
}
