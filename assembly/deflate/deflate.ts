// Deflater: RFC 1951 with levels as zlib has them, and the flush of RFC 7692 section 7.2.1.
//
// Data is appended behind the history of the connection at hand, becomes tokens (a literal, or a match with its distance), and the
// tokens of a block become the cheapest of a stored, a fixed and a dynamic block.

import {
  ALL_LENGTHS,
  BLOCK_BYTES,
  CONTEXT_STATES,
  CONTEXTS,
  DEFLATE_DATA,
  DEFLATE_DATA_BYTES,
  DEFLATE_OUT,
  DISTANCE_CODES,
  DISTANCE_COUNTS,
  DISTANCE_SYMBOLS,
  FIXED_CODES,
  LENGTH_SYMBOLS,
  LITERAL_CODES,
  LITERAL_COUNTS,
  RECENT_COUNTS,
  RUN_CODES,
  RUN_COUNTS,
  RUN_LENGTHS,
  RUNS,
  SETTLED_COUNTS,
  TOKENS,
  TOKENS_MAXIMUM,
  WINDOW_BYTES,
} from "./layout";
import { makeCode } from "./huffman";
import {
  base,
  clearTables,
  context,
  findMatch,
  forgetDistance,
  inserted,
  insertUntil,
  matchDistance,
  moveWindow,
  rebase,
  restoreWindow,
  saveWindow,
  setWindow,
  startTables,
  trimWindow,
  windowStart,
} from "./matches";
import { distanceBase, distanceExtra, lengthBase, lengthExtra } from "./tables";

const LONGEST_MATCH: u32 = 258;
/** Data that has to lie ahead while more is to come, so that a match is as long as it can be. */
const LOOKAHEAD: usize = 512;
/** Positions that fit 16 bits with a match behind them. */
const POSITIONS: usize = 65000;
const END_OF_BLOCK: u32 = 256;
/** Bits of a fixed block below which a dynamic one, whose header takes some 100 bits or more, is not tried. */
const FIXED_SUFFICES: u32 = 200;
/** A block may end where the tokens are of another kind: looked at every so many of them. */
const SPLIT_TOKENS: u32 = 512;
/** Kinds of tokens that are told apart there: literals by their upper three bits, short and long matches. */
const SPLIT_KINDS: u32 = 10;
/** Tokens that a block has at least before it is split, since each dynamic block has a header of some 60 bytes. */
const SPLIT_MINIMUM: u32 = 2048;

/** Of each level: shortest match after which less is tried, longest that may be put off, length that ends a search, how many are tried. */
const LEVELS = memory.data<u16>([
  0, 0, 0, 0, 4, 0, 32, 4, 4, 0, 32, 8, 4, 0, 64, 24, 4, 4, 16, 16, 8, 16, 64, 16, 8, 16, 128, 64, 8, 32, 128, 256, 32, 128, 258,
  1024, 32, 258, 258, 4096,
]);

let level: u32 = 5;
/** Next byte to make a token of, and the end of the data. */
let next: usize = 0;
let end: usize = 0;
let blockStart: usize = 0;
/** Index of the context at hand. */
let selected: u32 = 0;
let tokens: u32 = 0;
/** Tokens at the last decision on a split. */
let settled: u32 = 0;
let output: usize = DEFLATE_OUT;
let bits: u64 = 0;
let bitCount: u32 = 0;

/** Address of a word. */
// @ts-ignore: decorator
@inline
function place(array: usize, index: u32): usize {
  return array + (<usize>index << 2);
}

// @ts-ignore: decorator
@inline
function word(array: usize, index: u32): u32 {
  return load<u32>(place(array, index));
}

// @ts-ignore: decorator
@inline
function count(array: usize, index: u32): void {
  const at = place(array, index);
  store<u32>(at, load<u32>(at) + 1);
}

/** Makes the tables that never change. Called once. */
export function prepareDeflate(): void {
  for (let symbol: u32 = 0; symbol < 29; symbol++) {
    memory.fill(LENGTH_SYMBOLS + lengthBase(symbol) - 3, <u8>symbol, symbol === 28 ? 1 : 1 << lengthExtra(symbol));
  }
  for (let symbol: u32 = 0; symbol < 30; symbol++) {
    const first = distanceBase(symbol) - 1;
    const size = 1 << distanceExtra(symbol);
    if (first < 256) memory.fill(DISTANCE_SYMBOLS + first, <u8>symbol, size);
    else memory.fill(DISTANCE_SYMBOLS + 256 + (first >> 7), <u8>symbol, size >> 7);
  }
  // The fixed code (section 3.2.6): counts from which its lengths of 8, 9, 7 and 8 bits follow, then of 5.
  for (let symbol: u32 = 0; symbol < 288; symbol++) {
    store<u32>(place(LITERAL_COUNTS, symbol), symbol < 144 || symbol >= 280 ? 2 : symbol < END_OF_BLOCK ? 1 : 4);
  }
  makeCode(LITERAL_COUNTS, 288, ALL_LENGTHS, FIXED_CODES, 15);
  for (let symbol: u32 = 0; symbol < 32; symbol++) store<u32>(place(DISTANCE_COUNTS, symbol), 1);
  makeCode(DISTANCE_COUNTS, 32, ALL_LENGTHS, FIXED_CODES + 1152, 15);
  for (let index: i32 = CONTEXTS - 1; index >= 0; index--) {
    selectContext(index);
    next = end = context + DEFLATE_DATA;
    startTables(end - 1);
  }
}

/** Goes on with another context, between two messages. */
export function selectContext(index: u32): void {
  let state: usize = CONTEXT_STATES + (selected << 5);
  saveWindow(state);
  store<u32>(state, end, 16);
  store<u32>(state, level, 20);
  selected = index;
  state = CONTEXT_STATES + (index << 5);
  restoreWindow(index, state);
  next = end = load<u32>(state, 16);
  level = load<u32>(state, 20);
  dropOutput();
}

/** Forgets the output of a message that was given up. */
function dropOutput(): void {
  startBlock();
  output = DEFLATE_OUT;
  takeBits();
}

// @ts-ignore: decorator
@inline
function distanceSymbol(distance: u32): u32 {
  const index = distance - 1;
  return load<u8>(DISTANCE_SYMBOLS + (index < 256 ? index : 256 + (index >> 7)));
}

/**
 * Starts with the history of a connection. Matches cannot refer to earlier bytes.
 *
 * @param length Bytes of its history, 32,768 at most. Write them to the address that is returned.
 * @param windowBytes Farthest distance: a power of two up to 32,768.
 * @param withLevel 0 to 9.
 * @returns Where the history goes.
 */
export function startDeflate(length: usize, windowBytes: usize, withLevel: u32): usize {
  level = withLevel;
  if (end + length > context + DEFLATE_DATA + DEFLATE_DATA_BYTES) moveToFront(end);
  setWindow(end, min<usize>(windowBytes, WINDOW_BYTES - 1));
  end += length;
  next = end;
  dropOutput();
  while (end - base > POSITIONS) rebase();
  return end - length;
}

/** Moves the data from `first` on to where all data begins. */
function moveToFront(first: usize): void {
  const by = first - context - DEFLATE_DATA;
  memory.copy(first - by, first, end - first);
  moveWindow(by);
  next -= by;
  end -= by;
  blockStart -= by;
}

/**
 * Makes room for more data; ends the block at hand if need be.
 *
 * @param length At most 32,768.
 * @returns Where the data goes, before {@link deflate} is called for it.
 */
export function makeRoom(length: usize): usize {
  if (end + length > context + DEFLATE_DATA + DEFLATE_DATA_BYTES) {
    endBlock();
    moveToFront(max(windowStart, next - WINDOW_BYTES));
    trimWindow(context + DEFLATE_DATA);
    // Nothing else bounds the positions of data that make no tokens.
    if (level === 0) clearTables(context + DEFLATE_DATA - 1);
  }
  return end;
}

/**
 * Deflates the bytes in the room, up to the place where later bytes could make a longer match.
 *
 * @param flushes Whether all of it goes out, behind an empty stored block (RFC 7692 section 7.2.1).
 */
export function deflate(length: usize, flushes: bool): void {
  end += length;
  const stop = flushes ? end : max(next, end - min(LOOKAHEAD, end - next));
  takeTokens(stop);
  if (!flushes) return;
  endBlock();
  putBits(0, 3);
  alignOutput();
  putBits(0xffff0000, 32);
  flushBits();
}

/** Ends the block at hand, so that nothing but the history and the bits of {@link takeBits} has to be kept. */
export function suspendDeflate(): void {
  takeTokens(end);
  endBlock();
}

/** How many bytes of output there are, from DEFLATE_OUT on. They are forgotten with this call. */
export function takeOutput(): usize {
  flushBits();
  const length = output - DEFLATE_OUT;
  output = DEFLATE_OUT;
  return length;
}

/** Less than a byte of output that is not complete: `count << 8 | bits`. */
export function takeBits(): u32 {
  const rest = (bitCount << 8) | <u32>bits;
  bitCount = 0;
  bits = 0;
  return rest;
}

/** Puts back the bits that {@link takeBits} returned. */
export function restoreBits(rest: u32): void {
  bitCount = rest >> 8;
  bits = rest & 0xff;
}

/** Bytes of history that may still be referred to; they lie before the address that {@link historyEnd} gives. */
export function historyLength(): usize {
  return next - windowStart;
}

export function historyEnd(): usize {
  return next;
}

// Tokens.

/** Data that is only stored has no tokens. */
function takeStored(stop: usize): void {
  while (next < stop) {
    next = min(stop, blockStart + BLOCK_BYTES);
    if (next - blockStart >= <usize>BLOCK_BYTES) endBlock();
  }
}

function takeTokens(stop: usize): void {
  if (level === 0) return takeStored(stop);
  while (next < stop) {
    takeRun(min(stop, base + POSITIONS));
    if (next - base >= POSITIONS) rebase();
  }
}

/** Makes tokens until the next byte is at or behind `stop`. */
function takeRun(stop: usize): void {
  const row = LEVELS + (<usize>level << 3);
  const good: u32 = load<u16>(row);
  const lazy: u32 = load<u16>(row + 2);
  const nice: u32 = load<u16>(row + 4);
  const depth: u32 = load<u16>(row + 6);
  while (next < stop) {
    if (tokens >= <u32>TOKENS_MAXIMUM - LONGEST_MATCH || next - blockStart >= <usize>BLOCK_BYTES) endBlock();
    else if (tokens - settled >= SPLIT_TOKENS && isOfAnotherKind()) endBlock();
    if (inserted < next) insertUntil(next, end);
    let length: u32 = 0;
    if (end - next >= 4) length = findMatch(next, 2, <u32>min<usize>(LONGEST_MATCH, end - next), nice, depth);
    if (length === 0) {
      putLiteral();
      continue;
    }
    while (length < lazy && next + 4 < stop) {
      const longest = <u32>min<usize>(LONGEST_MATCH, end - next - 1);
      const longer = findMatch(next + 1, length, longest, nice, length >= good ? depth >> 2 : depth);
      if (longer === 0) break;
      putLiteral();
      length = longer;
    }
    putMatch(length, matchDistance);
  }
}

// @ts-ignore: decorator
@inline
function putToken(token: u32): void {
  store<u32>(TOKENS + (tokens << 2), token);
  tokens++;
}

// @ts-ignore: decorator
@inline
function putLiteral(): void {
  const literal: u32 = load<u8>(next++);
  putToken(literal);
  count(LITERAL_COUNTS, literal);
}

function putMatch(length: u32, distance: u32): void {
  next += length;
  putToken((length << 16) | distance);
  count(LITERAL_COUNTS, END_OF_BLOCK + 1 + load<u8>(LENGTH_SYMBOLS + length - 3));
  count(DISTANCE_COUNTS, distanceSymbol(distance));
}

/**
 * Whether the tokens since the last look are of another kind than those of the block before: the sum of the differences of their shares is
 * above 0.4 of at most 2. Otherwise they go into the block's.
 */
function isOfAnotherKind(): bool {
  const recent = tokens - settled;
  memory.fill(RECENT_COUNTS, 0, SPLIT_KINDS << 2);
  for (let index = settled; index < tokens; index++) {
    const token = word(TOKENS, index);
    const length = token >> 16;
    count(RECENT_COUNTS, length === 0 ? token >> 5 : length < 9 ? 8 : 9);
  }
  let difference: u32 = 0;
  for (let kind: u32 = 0; kind < SPLIT_KINDS; kind++) {
    const at: usize = SETTLED_COUNTS + (kind << 2);
    const kept = load<u32>(at);
    const seen = word(RECENT_COUNTS, kind);
    store<u32>(at, kept + seen);
    const before = kept * recent;
    const now = seen * settled;
    difference += before > now ? before - now : now - before;
  }
  if (settled >= SPLIT_MINIMUM && 5 * difference > 2 * recent * settled) return true;
  settled = tokens;
  return false;
}

// Blocks.

// @ts-ignore: decorator
@inline
function putBits(value: u32, length: u32): void {
  bits |= (<u64>value) << bitCount;
  bitCount += length;
  if (bitCount >= 32) flushBits();
}

/** Writes the code of a symbol. */
// @ts-ignore: decorator
@inline
function putCode(codes: usize, symbol: u32): void {
  const code = word(codes, symbol);
  putBits(code & 0xffff, code >> 16);
}

/** Writes the whole bytes out. */
function flushBits(): void {
  store<u64>(output, bits);
  output += bitCount >> 3;
  bits >>= bitCount & 0x38;
  bitCount &= 7;
}

function alignOutput(): void {
  bitCount = (bitCount + 7) & ~7;
  flushBits();
}

/** Writes the block at hand in its shortest form, if there is anything in it. */
function endBlock(): void {
  const length = next - blockStart;
  if (length > 0) {
    const stored = storedBits(length);
    if (level === 0) putStored(length);
    else putTokens(length, stored);
  }
  startBlock();
}

function startBlock(): void {
  blockStart = next;
  tokens = 0;
  settled = 0;
  forgetDistance();
  memory.fill(LITERAL_COUNTS, 0, SETTLED_COUNTS + 64 - LITERAL_COUNTS);
}

/** Bits of stored blocks: three and the padding, then two lengths and the bytes, at most 65,535 a block. */
function storedBits(length: usize): u32 {
  const blocks = <u32>((length + 65534) / 65535);
  const padding = (5 - bitCount) & 7;
  return 3 + padding + (blocks - 1) * 8 + blocks * 32 + (<u32>length << 3);
}

function putStored(length: usize): void {
  let from = blockStart;
  for (let left = length; left > 0; ) {
    const size = min<usize>(left, 65535);
    putBits(0, 3);
    alignOutput();
    putBits(<u32>size | (~(<u32>size) << 16), 32);
    flushBits();
    memory.copy(output, from, size);
    output += size;
    from += size;
    left -= size;
  }
}

function putTokens(length: usize, stored: u32): void {
  store<u32>(LITERAL_COUNTS + (END_OF_BLOCK << 2), 1);
  const extra = extraBits();
  const fixed: u32 = 3 + extra + fixedBits();
  if (fixed > FIXED_SUFFICES) {
    const literals = makeCode(LITERAL_COUNTS, 286, ALL_LENGTHS, LITERAL_CODES, 15);
    literalsUsed = 286;
    while (literalsUsed > 257 && load<u8>(ALL_LENGTHS + literalsUsed - 1) === 0) literalsUsed--;
    // Both alphabets stand in a row: a run may go on from the one into the other.
    const distances = makeCode(DISTANCE_COUNTS, 30, ALL_LENGTHS + literalsUsed, DISTANCE_CODES, 15);
    const dynamic: u32 = 3 + headerBits() + literals + distances + extra;
    if (dynamic < fixed && dynamic < stored) {
      putBits(2 << 1, 3);
      putHeader();
      putSymbols(LITERAL_CODES, DISTANCE_CODES);
      return;
    }
  }
  if (stored < fixed) return putStored(length);
  putBits(1 << 1, 3);
  putSymbols(FIXED_CODES, FIXED_CODES + 1152);
}

/** Bits behind the codes of lengths and distances. */
function extraBits(): u32 {
  let sum: u32 = 0;
  for (let symbol: u32 = 8; symbol < 28; symbol++) sum += word(LITERAL_COUNTS, END_OF_BLOCK + 1 + symbol) * lengthExtra(symbol);
  for (let symbol: u32 = 4; symbol < 30; symbol++) sum += word(DISTANCE_COUNTS, symbol) * distanceExtra(symbol);
  return sum;
}

/** Bits of the block at hand in the fixed code: 8 a symbol, but 9 for 144 to 255 and 7 for 256 to 279, and 5 a distance. */
function fixedBits(): u32 {
  const short = sumOfCounts(END_OF_BLOCK, 280);
  const matches = short - 1 + sumOfCounts(280, 288);
  return 8 * (tokens + 1) + sumOfCounts(144, END_OF_BLOCK) - short + 5 * matches;
}

/** How often the literal/length symbols from `first` to `last` - 1 occur together. Both are even. */
function sumOfCounts(first: u32, last: u32): u32 {
  let sum: u64 = 0;
  for (let symbol = first; symbol < last; symbol += 2) sum += load<u64>(place(LITERAL_COUNTS, symbol));
  return <u32>(sum + (sum >> 32));
}

/** Writes the tokens in the given codes, and the end of the block. */
function putSymbols(literalCodes: usize, distanceCodes: usize): void {
  let buffer = bits;
  let used: u64 = bitCount;
  let to = output;
  const last: usize = TOKENS + (tokens << 2);
  for (let at: usize = TOKENS; at < last; at += 4) {
    const token = load<u32>(at);
    if (token < 256) {
      const code = word(literalCodes, token);
      buffer |= <u64>(code & 0xffff) << used;
      used += code >> 16;
    } else {
      const length = token >> 16;
      const distance = token & 0xffff;
      const lengthSymbol: u32 = load<u8>(LENGTH_SYMBOLS + length - 3);
      // The extra bits stand behind the code: 20 bits at most, and 28 for the distance.
      let code = word(literalCodes, END_OF_BLOCK + 1 + lengthSymbol);
      buffer |= <u64>((code & 0xffff) | ((length - lengthBase(lengthSymbol)) << (code >> 16))) << used;
      used += (code >> 16) + lengthExtra(lengthSymbol);
      if (used >= 32) {
        store<u32>(to, <u32>buffer);
        to += 4;
        buffer >>= 32;
        used -= 32;
      }
      const back = distanceSymbol(distance);
      code = word(distanceCodes, back);
      buffer |= <u64>((code & 0xffff) | ((distance - distanceBase(back)) << (code >> 16))) << used;
      used += (code >> 16) + distanceExtra(back);
    }
    if (used >= 32) {
      store<u32>(to, <u32>buffer);
      to += 4;
      buffer >>= 32;
      used -= 32;
    }
  }
  bits = buffer;
  bitCount = <u32>used;
  output = to;
  putCode(literalCodes, END_OF_BLOCK);
  flushBits();
}

// The header of a dynamic block (section 3.2.7): code lengths as runs of (symbol, extra bits' value).

const ORDER = memory.data<u8>([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]);
let literalsUsed: u32 = 0;
let distancesUsed: u32 = 0;
let lengthsUsed: u32 = 0;
let runs: u32 = 0;

// @ts-ignore: decorator
@inline
function runExtra(symbol: u32): u32 {
  return symbol < 16 ? 0 : symbol === 16 ? 2 : symbol === 17 ? 3 : 7;
}

/** Makes the runs and their code. @returns Bits of the header, but for the three of the block. */
function headerBits(): u32 {
  distancesUsed = 30;
  while (distancesUsed > 1 && load<u8>(ALL_LENGTHS + literalsUsed + distancesUsed - 1) === 0) distancesUsed--;
  memory.fill(RUN_COUNTS, 0, 19 << 2);
  runs = 0;
  // Behind them stands a length that there is not.
  const total = literalsUsed + distancesUsed;
  store<u8>(ALL_LENGTHS + total, 0xff);
  const last: usize = ALL_LENGTHS + total;
  for (let from: usize = ALL_LENGTHS; from < last; ) {
    const length: u32 = load<u8>(from);
    const equal = <u64>length * 0x0101010101010101;
    let to = from;
    while (load<u64>(to) === equal) to += 8;
    to += <usize>ctz(load<u64>(to) ^ equal) >> 3;
    putRuns(length, <u32>(to - from));
    from = to;
  }
  makeCode(RUN_COUNTS, 19, RUN_LENGTHS, RUN_CODES, 7);
  lengthsUsed = 19;
  while (lengthsUsed > 4 && load<u8>(RUN_LENGTHS + load<u8>(ORDER + lengthsUsed - 1)) === 0) lengthsUsed--;
  let sum = 14 + 3 * lengthsUsed;
  for (let symbol: u32 = 0; symbol < 19; symbol++) {
    sum += word(RUN_COUNTS, symbol) * (load<u8>(RUN_LENGTHS + symbol) + runExtra(symbol));
  }
  return sum;
}

/** Writes `size` equal lengths as runs. */
// @ts-ignore: decorator
@inline
function putRuns(length: u32, size: u32): void {
  let isFirst = length > 0;
  for (let left = size; left > 0; ) {
    let symbol = length;
    let least: u32 = 1;
    let times: u32 = 1;
    if (left >= 3 && !isFirst) {
      if (length > 0) {
        // The rest of 7 in two runs, rather than one of 6 and a single length.
        symbol = 16;
        least = 3;
        times = left === 7 ? 4 : min(left, 6);
      } else {
        symbol = left >= 11 ? 18 : 17;
        least = left >= 11 ? 11 : 3;
        times = min(left, 138);
      }
    }
    store<u16>(RUNS + (runs << 1), <u16>(symbol | ((times - least) << 8)));
    runs++;
    count(RUN_COUNTS, symbol);
    left -= times;
    isFirst = false;
  }
}

function putHeader(): void {
  putBits((literalsUsed - 257) | ((distancesUsed - 1) << 5) | ((lengthsUsed - 4) << 10), 14);
  for (let index: u32 = 0; index < lengthsUsed; index++) putBits(load<u8>(RUN_LENGTHS + load<u8>(ORDER + index)), 3);
  for (let index: u32 = 0; index < runs; index++) {
    const run: u32 = load<u16>(RUNS + (index << 1));
    const symbol = run & 0xff;
    const code = word(RUN_CODES, symbol);
    putBits((code & 0xffff) | ((run >> 8) << (code >> 16)), (code >> 16) + runExtra(symbol));
  }
}
