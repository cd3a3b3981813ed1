// Inflater: RFC 1951 in steps that stop wherever input or output ends.
//
// One call of `inflate` works on one piece of input and one stretch of output. Everything that the next call needs is in the state
// block (layout.ts). Two loops decode symbols: a fast one while 8 bytes of input and 288 of output are ahead, and a careful one that
// takes a symbol only when all its bits have arrived.

import {
  CODE_LENGTHS,
  DISTANCE_ENTRIES,
  DISTANCE_TABLE,
  FIXED_DISTANCE_TABLE,
  FIXED_LITERAL_TABLE,
  INFLATE_BAD_BLOCK_TYPE,
  INFLATE_BAD_CODE_LENGTHS,
  INFLATE_BAD_DISTANCE,
  INFLATE_BAD_DISTANCE_LENGTHS,
  INFLATE_BAD_LITERAL,
  INFLATE_BAD_LITERAL_LENGTHS,
  INFLATE_BAD_REPEAT,
  INFLATE_BAD_STORED_LENGTH,
  INFLATE_BITS_LOW,
  INFLATE_BIT_COUNT,
  INFLATE_CODES,
  INFLATE_DISTANCE,
  INFLATE_DISTANCES,
  INFLATE_DISTANCE_TOO_FAR,
  INFLATE_FAILED,
  INFLATE_FINAL,
  INFLATE_HISTORY,
  INFLATE_IN,
  INFLATE_INDEX,
  INFLATE_INPUT,
  INFLATE_INPUT_END,
  INFLATE_LITERALS,
  INFLATE_MODE,
  INFLATE_MODE_STORED_LENGTH,
  INFLATE_NEEDS_INPUT,
  INFLATE_NO_END_OF_BLOCK,
  INFLATE_OUTPUT,
  INFLATE_OUTPUT_END,
  INFLATE_OUTPUT_FULL,
  INFLATE_REMAINING,
  INFLATE_STATE,
  INFLATE_STREAM_END,
  INFLATE_TOO_MANY_SYMBOLS,
  LENGTHS,
  LITERAL_ENTRIES,
  LITERAL_TABLE,
} from "./layout";
import {
  buildTable,
  CODE_ROOT,
  ENTRY_END,
  ENTRY_INVALID,
  ENTRY_LITERAL,
  ENTRY_SUBTABLE,
  prepareEntries,
  tableRoot,
} from "./tables";

// Modes: the meaning of the next bits.
const MODE_BLOCK: u32 = 0;
const MODE_STORED_LENGTH: u32 = INFLATE_MODE_STORED_LENGTH;
const MODE_STORED: u32 = 2;
const MODE_COUNTS: u32 = 3;
const MODE_CODE_LENGTHS: u32 = 4;
const MODE_LENGTHS: u32 = 5;
const MODE_SYMBOLS: u32 = 6;
const MODE_COPY: u32 = 7;

// Most bits that index the first tables. The table of the code-length code stands where the literals' will.
const LITERAL_ROOT: u32 = 10;
const DISTANCE_ROOT: u32 = 8;
const FIXED_LITERAL_ROOT: u32 = 9;
const FIXED_DISTANCE_ROOT: u32 = 5;
/** Count of literal/length symbols in the fixed code. A dynamic block has 286 at most. */
const FIXED_LITERALS: u32 = 288;
/** Most that a round of the fast loop writes: two literals, a match of 258 bytes, and the overrun of its last copy. */
const FAST_OUTPUT: usize = 288;

/** Order of the code lengths of the code-length code (section 3.2.7). */
const ORDER = memory.data<u8>([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]);

// The state block during a call.
let input: usize = 0;
let inputEnd: usize = 0;
let output: usize = 0;
let outputEnd: usize = 0;
let history: usize = 0;
let maxDistance: usize = 0;
let bits: u64 = 0;
let bitCount: u32 = 0;
let mode: u32 = 0;
let remaining: u32 = 0;
let distance: usize = 0;
// Bits that index the first tables at hand.
let codeRoot: u32 = 0;
let literalRoot: u32 = 0;
let distanceRoot: u32 = 0;

// @ts-ignore: decorator
@inline
function get(word: i32): u32 {
  return load<u32>(INFLATE_STATE + (word << 2));
}

// @ts-ignore: decorator
@inline
function set(word: i32, value: u32): void {
  store<u32>(INFLATE_STATE + (word << 2), value);
}

/**
 * Reads bytes until `count` bits are there, 56 at most. It reads eight bytes at once where there are so many; bits above the count are
 * those of the input that come next, so to read them again does no harm.
 *
 * @returns False when the input ends before.
 */
function need(count: u32): bool {
  if (bitCount >= count) return true;
  if (inputEnd - input >= 8) {
    bits |= load<u64>(input) << bitCount;
    input += (63 - bitCount) >> 3;
    bitCount |= 56;
    return true;
  }
  while (bitCount < count) {
    if (input === inputEnd) return false;
    bits |= (<u64>load<u8>(input++)) << bitCount;
    bitCount += 8;
  }
  return true;
}

function take(count: u32): u32 {
  const value = <u32>bits & ((1 << count) - 1);
  bits >>= count;
  bitCount -= count;
  return value;
}

/** Makes the tables of the fixed code. Called once. */
export function prepareInflate(): void {
  prepareEntries();
  memory.fill(LENGTHS, 8, 144);
  memory.fill(LENGTHS + 144, 9, 112);
  memory.fill(LENGTHS + 256, 7, 24);
  memory.fill(LENGTHS + 280, 8, 8);
  memory.fill(LENGTHS + FIXED_LITERALS, 5, 32);
  buildTable(LITERAL_ENTRIES, LENGTHS, FIXED_LITERALS, FIXED_LITERAL_TABLE, LITERAL_ROOT);
  buildTable(DISTANCE_ENTRIES, LENGTHS + FIXED_LITERALS, 32, FIXED_DISTANCE_TABLE, DISTANCE_ROOT);
}

/**
 * Inflates from the state block's input to its output.
 *
 * @param windowBytes The farthest distance that is allowed: a power of two up to 32,768.
 * @returns One of the INFLATE_ results of layout.ts.
 */
export function inflate(windowBytes: u32): u32 {
  input = get(INFLATE_INPUT);
  inputEnd = get(INFLATE_INPUT_END);
  output = get(INFLATE_OUTPUT);
  outputEnd = get(INFLATE_OUTPUT_END);
  history = get(INFLATE_HISTORY);
  bits = load<u64>(INFLATE_STATE + (INFLATE_BITS_LOW << 2));
  bitCount = get(INFLATE_BIT_COUNT);
  mode = get(INFLATE_MODE);
  remaining = get(INFLATE_REMAINING);
  distance = get(INFLATE_DISTANCE);
  maxDistance = windowBytes;
  const result = run();
  // The next call may find other bytes before its input, so return the bytes that were read ahead: all of them are of this call, since the first
  // symbol takes the rest of the call before.
  if (result === INFLATE_OUTPUT_FULL) giveBack();
  set(INFLATE_INPUT, <u32>input);
  set(INFLATE_OUTPUT, <u32>output);
  store<u64>(INFLATE_STATE + (INFLATE_BITS_LOW << 2), bits);
  set(INFLATE_BIT_COUNT, bitCount);
  set(INFLATE_MODE, mode);
  set(INFLATE_REMAINING, remaining);
  set(INFLATE_DISTANCE, <u32>distance);
  return result;
}

/** Builds the tables of a suspended message again, after its state block and code lengths were put back. */
export function restoreInflate(): void {
  const suspended = get(INFLATE_MODE);
  if (suspended === MODE_LENGTHS) buildCodeTable();
  else if (suspended >= MODE_SYMBOLS && get(INFLATE_LITERALS) !== FIXED_LITERALS) buildTables();
}

function run(): u32 {
  while (true) {
    let result: u32 = INFLATE_NEEDS_INPUT;
    switch (mode) {
      case MODE_BLOCK: {
        if (get(INFLATE_FINAL) !== 0) return endStream();
        if (!need(3)) return INFLATE_NEEDS_INPUT;
        result = startBlock();
        break;
      }
      case MODE_STORED_LENGTH: {
        if (!need(32)) return INFLATE_NEEDS_INPUT;
        remaining = take(16);
        if (remaining !== (take(16) ^ 0xffff)) return INFLATE_BAD_STORED_LENGTH;
        mode = MODE_STORED;
        break;
      }
      case MODE_STORED: {
        copyStored();
        if (remaining > 0) return output === outputEnd ? INFLATE_OUTPUT_FULL : INFLATE_NEEDS_INPUT;
        mode = MODE_BLOCK;
        break;
      }
      case MODE_COUNTS: {
        if (!need(14)) return INFLATE_NEEDS_INPUT;
        result = startDynamicBlock();
        break;
      }
      case MODE_CODE_LENGTHS: {
        if (!readCodeLengths()) return INFLATE_NEEDS_INPUT;
        if (!buildCodeTable()) return INFLATE_BAD_CODE_LENGTHS;
        set(INFLATE_INDEX, 0);
        mode = MODE_LENGTHS;
        break;
      }
      case MODE_LENGTHS: {
        result = readLengths();
        if (mode === MODE_LENGTHS) return result;
        break;
      }
      case MODE_COPY: {
        copyMatch();
        if (remaining > 0) return INFLATE_OUTPUT_FULL;
        mode = MODE_SYMBOLS;
        break;
      }
      default: {
        result = readSymbols();
        if (mode === MODE_SYMBOLS) return result;
        break;
      }
    }
    if (result >= <u32>INFLATE_FAILED) return result;
  }
}

/** Returns whole bytes that were read ahead to the input. */
function giveBack(): void {
  input -= bitCount >> 3;
  bitCount &= 7;
  bits &= (1 << <u64>bitCount) - 1;
}

/** Ends a stream at a byte boundary. */
function endStream(): u32 {
  set(INFLATE_FINAL, 0);
  giveBack();
  bits = 0;
  bitCount = 0;
  return INFLATE_STREAM_END;
}

function startBlock(): u32 {
  set(INFLATE_FINAL, take(1));
  const type = take(2);
  if (type === 0) {
    take(bitCount & 7);
    mode = MODE_STORED_LENGTH;
  } else if (type === 1) {
    set(INFLATE_LITERALS, FIXED_LITERALS);
    mode = MODE_SYMBOLS;
  } else if (type === 2) {
    mode = MODE_COUNTS;
  } else {
    return INFLATE_BAD_BLOCK_TYPE;
  }
  return INFLATE_NEEDS_INPUT;
}

/** Copies a stored block as far as input and output go. */
function copyStored(): void {
  while (remaining > 0 && bitCount >= 8 && output < outputEnd) {
    store<u8>(output++, <u8>take(8));
    remaining--;
  }
  const count = min<usize>(min<usize>(remaining, inputEnd - input), outputEnd - output);
  // Bytes that were read ahead come first.
  if (bitCount > 0 || count === 0) return;
  bits = 0;
  memory.copy(output, input, count);
  input += count;
  output += count;
  remaining -= <u32>count;
}

function startDynamicBlock(): u32 {
  const literals = take(5) + 257;
  const distances = take(5) + 1;
  const codes = take(4) + 4;
  if (literals > 286 || distances > 30) return INFLATE_TOO_MANY_SYMBOLS;
  set(INFLATE_LITERALS, literals);
  set(INFLATE_DISTANCES, distances);
  set(INFLATE_CODES, codes);
  set(INFLATE_INDEX, 0);
  memory.fill(CODE_LENGTHS, 0, 19);
  mode = MODE_CODE_LENGTHS;
  return INFLATE_NEEDS_INPUT;
}

function readCodeLengths(): bool {
  let index = get(INFLATE_INDEX);
  const codes = get(INFLATE_CODES);
  while (index < codes && need(3)) {
    // As many as there are bits for.
    const last = min(codes, index + bitCount / 3);
    let buffer = bits;
    bitCount -= 3 * (last - index);
    for (; index < last; index++) {
      store<u8>(CODE_LENGTHS + load<u8>(ORDER + index), <u8>buffer & 7);
      buffer >>= 3;
    }
    bits = buffer;
  }
  set(INFLATE_INDEX, index);
  return index === codes;
}

/** Reads the code lengths of both alphabets, which may run from one into the other (section 3.2.7), and builds the tables. */
function readLengths(): u32 {
  const total = get(INFLATE_LITERALS) + get(INFLATE_DISTANCES);
  let index = get(INFLATE_INDEX);
  const mask: u32 = (1 << codeRoot) - 1;
  let buffer = bits;
  let count = bitCount;
  while (index < total) {
    if (count < 14) {
      bits = buffer;
      bitCount = count;
      need(14);
      buffer = bits;
      count = bitCount;
    }
    const entry = entryAt(LITERAL_TABLE, <u32>buffer & mask);
    const length = entry & 0xff;
    const symbol = entry >> 16;
    if (symbol < 16) {
      if (length > count) break;
      buffer >>= length;
      count -= length;
      store<u8>(LENGTHS + index++, <u8>symbol);
      continue;
    }
    const extra: u32 = symbol === 16 ? 2 : symbol === 17 ? 3 : 7;
    if (length + extra > count) break;
    if (symbol === 16 && index === 0) return INFLATE_BAD_REPEAT;
    const times = (<u32>(buffer >> length) & ((1 << extra) - 1)) + (symbol === 18 ? 11 : 3);
    buffer >>= length + extra;
    count -= length + extra;
    if (index + times > total) return INFLATE_BAD_REPEAT;
    repeatLength(LENGTHS + index, symbol === 16 ? load<u8>(LENGTHS + index - 1) : 0, times);
    index += times;
  }
  bits = buffer;
  bitCount = count;
  set(INFLATE_INDEX, index);
  if (index < total) return INFLATE_NEEDS_INPUT;
  if (load<u8>(LENGTHS + 256) === 0) return INFLATE_NO_END_OF_BLOCK;
  const result = buildTables();
  if (result === INFLATE_NEEDS_INPUT) mode = MODE_SYMBOLS;
  return result;
}

/** Writes a code length `times` times; may write up to 7 bytes behind. */
// @ts-ignore: decorator
@inline
function repeatLength(address: usize, length: u8, times: u32): void {
  const eight = <u64>length * 0x0101010101010101;
  for (let at: u32 = 0; at < times; at += 8) store<u64>(address + at, eight);
}

function buildCodeTable(): bool {
  const isCode = buildTable(LITERAL_ENTRIES, CODE_LENGTHS, 19, LITERAL_TABLE, CODE_ROOT);
  codeRoot = tableRoot;
  return isCode;
}

function buildTables(): u32 {
  const literals = get(INFLATE_LITERALS);
  if (!buildTable(LITERAL_ENTRIES, LENGTHS, literals, LITERAL_TABLE, LITERAL_ROOT)) return INFLATE_BAD_LITERAL_LENGTHS;
  literalRoot = tableRoot;
  const distances = get(INFLATE_DISTANCES);
  if (!buildTable(DISTANCE_ENTRIES, LENGTHS + literals, distances, DISTANCE_TABLE, DISTANCE_ROOT)) {
    return INFLATE_BAD_DISTANCE_LENGTHS;
  }
  distanceRoot = tableRoot;
  return INFLATE_NEEDS_INPUT;
}

/** Copies the match at hand byte by byte, as far as the output goes. */
function copyMatch(): void {
  while (remaining > 0 && output < outputEnd) {
    store<u8>(output, load<u8>(output - distance));
    output++;
    remaining--;
  }
}

/** Decodes symbols until the block, the input or the output ends. */
function readSymbols(): u32 {
  const isFixed = get(INFLATE_LITERALS) === FIXED_LITERALS;
  const literals: usize = isFixed ? FIXED_LITERAL_TABLE : LITERAL_TABLE;
  const distances: usize = isFixed ? FIXED_DISTANCE_TABLE : DISTANCE_TABLE;
  const literalBits = isFixed ? FIXED_LITERAL_ROOT : literalRoot;
  const distanceBits = isFixed ? FIXED_DISTANCE_ROOT : distanceRoot;
  if (inputEnd - input >= 8 && outputEnd - output >= FAST_OUTPUT) {
    const result = readFast(literals, distances, literalBits, distanceBits);
    if (result !== INFLATE_NEEDS_INPUT || mode !== MODE_SYMBOLS) return result;
  }
  return readCarefully(literals, distances, literalBits, distanceBits);
}

// @ts-ignore: decorator
@inline
function entryAt(table: usize, index: u32): u32 {
  return load<u32>(table + (<usize>index << 2));
}

/**
 * The fast loop. A refill leaves 56 bits at least: enough for two literals and the length behind them (15 + 5 bits), or for a distance
 * with all before it (20 + 28 bits). Bits above the count are those of the input that come next, so to read them again does no harm.
 */
function readFast(literals: usize, distances: usize, literalBits: u32, distanceBits: u32): u32 {
  let from = input;
  let to = output;
  let buffer = bits;
  let count: u64 = bitCount;
  const lastInput = inputEnd - 8;
  const lastOutput = outputEnd - FAST_OUTPUT;
  const first = history;
  const farthest = maxDistance;
  const literalMask: u32 = (1 << literalBits) - 1;
  const distanceMask: u32 = (1 << distanceBits) - 1;
  let result: u32 = INFLATE_NEEDS_INPUT;
  while (from <= lastInput && to <= lastOutput) {
    buffer |= load<u64>(from) << count;
    from += <usize>((63 - count) >> 3);
    count |= 56;
    let entry = entryAt(literals, <u32>buffer & literalMask);
    if (entry & ENTRY_LITERAL) {
      buffer >>= entry & 0xff;
      count -= entry & 0xff;
      store<u8>(to++, <u8>(entry >> 16));
      entry = entryAt(literals, <u32>buffer & literalMask);
      if (entry & ENTRY_LITERAL) {
        buffer >>= entry & 0xff;
        count -= entry & 0xff;
        store<u8>(to++, <u8>(entry >> 16));
        continue;
      }
      // A literal of at most 10 bits leaves 46 for a length; the distance wants more.
      if (from > lastInput) continue;
      buffer |= load<u64>(from) << count;
      from += <usize>((63 - count) >> 3);
      count |= 56;
    }
    if (entry & ENTRY_SUBTABLE) {
      const index = (entry >> 16) + ((<u32>buffer >> literalBits) & ((1 << ((entry >> 8) & 15)) - 1));
      entry = entryAt(literals, index);
      if (entry & ENTRY_LITERAL) {
        buffer >>= entry & 0xff;
        count -= entry & 0xff;
        store<u8>(to++, <u8>(entry >> 16));
        continue;
      }
    }
    buffer >>= entry & 0xff;
    count -= entry & 0xff;
    if (entry & (ENTRY_END | ENTRY_INVALID)) {
      if (entry & ENTRY_END) mode = MODE_BLOCK;
      else result = INFLATE_BAD_LITERAL;
      break;
    }
    let extra: u64 = (entry >> 8) & 15;
    const length = (entry >> 16) + (<u32>buffer & ((1 << <u32>extra) - 1));
    buffer >>= extra;
    count -= extra;
    entry = entryAt(distances, <u32>buffer & distanceMask);
    if (entry & ENTRY_SUBTABLE) {
      const index = (entry >> 16) + ((<u32>buffer >> distanceBits) & ((1 << ((entry >> 8) & 15)) - 1));
      entry = entryAt(distances, index);
    }
    if (entry & ENTRY_INVALID) {
      result = INFLATE_BAD_DISTANCE;
      break;
    }
    buffer >>= entry & 0xff;
    count -= entry & 0xff;
    extra = (entry >> 8) & 15;
    const back = <usize>(entry >> 16) + (<u32>buffer & ((1 << <u32>extra) - 1));
    buffer >>= extra;
    count -= extra;
    if (back > to - first || back > farthest) {
      result = INFLATE_DISTANCE_TOO_FAR;
      break;
    }
    copy(to, back, length);
    to += length;
  }
  // Whole bytes that were read ahead go back, but for those of the piece before, which is not there any more.
  const unread = min<usize>(<usize>(count >> 3), from - INFLATE_IN);
  input = from - unread;
  bitCount = <u32>count - (<u32>unread << 3);
  bits = buffer & (((<u64>1) << bitCount) - 1);
  output = to;
  return result;
}

/** Copies a match; may write up to 15 bytes behind it. */
// @ts-ignore: decorator
@inline
function copy(to: usize, back: usize, length: u32): void {
  let at = to;
  const end = to + length;
  if (ASC_FEATURE_SIMD && back >= 16) {
    do {
      v128.store(at, v128.load(at - back));
      at += 16;
    } while (at < end);
  } else if (back >= 8) {
    do {
      store<u64>(at, load<u64>(at - back));
      at += 8;
    } while (at < end);
  } else {
    // The bytes repeat. Each store doubles the distance at which they do, until all eight bytes are right.
    let period = back;
    do {
      store<u64>(at, load<u64>(at - period));
      at += period;
      period <<= 1;
    } while (period < 8);
    while (at < end) {
      store<u64>(at, load<u64>(at - period));
      at += 8;
    }
  }
}

/** The careful loop: a symbol is taken once all its bits and room for it are there. */
function readCarefully(literals: usize, distances: usize, literalBits: u32, distanceBits: u32): u32 {
  const literalMask: u32 = (1 << literalBits) - 1;
  const distanceMask: u32 = (1 << distanceBits) - 1;
  while (true) {
    // The fast loop shifts by the count, so it stays below 64.
    while (bitCount < 56 && input < inputEnd) {
      bits |= (<u64>load<u8>(input++)) << bitCount;
      bitCount += 8;
    }
    let entry = entryAt(literals, <u32>bits & literalMask);
    if (entry & ENTRY_SUBTABLE) {
      entry = entryAt(literals, (entry >> 16) + ((<u32>bits >> literalBits) & ((1 << ((entry >> 8) & 15)) - 1)));
    }
    let used = entry & 0xff;
    if (used > bitCount) return INFLATE_NEEDS_INPUT;
    if (entry & ENTRY_INVALID) return INFLATE_BAD_LITERAL;
    if (entry & ENTRY_END) {
      take(used);
      mode = MODE_BLOCK;
      return INFLATE_NEEDS_INPUT;
    }
    if (entry & ENTRY_LITERAL) {
      if (output === outputEnd) return INFLATE_OUTPUT_FULL;
      take(used);
      store<u8>(output++, <u8>(entry >> 16));
      continue;
    }
    let extra = (entry >> 8) & 15;
    const length = (entry >> 16) + (<u32>(bits >> used) & ((1 << extra) - 1));
    used += extra;
    const behind = <u32>(bits >> used);
    entry = entryAt(distances, behind & distanceMask);
    if (entry & ENTRY_SUBTABLE) {
      entry = entryAt(distances, (entry >> 16) + ((behind >> distanceBits) & ((1 << ((entry >> 8) & 15)) - 1)));
    }
    if (used + (entry & 0xff) > bitCount) return INFLATE_NEEDS_INPUT;
    if (entry & ENTRY_INVALID) return INFLATE_BAD_DISTANCE;
    used += entry & 0xff;
    extra = (entry >> 8) & 15;
    if (used + extra > bitCount) return INFLATE_NEEDS_INPUT;
    const back = <usize>(entry >> 16) + (<u32>(bits >> used) & ((1 << extra) - 1));
    if (back > output - history || back > maxDistance) return INFLATE_DISTANCE_TOO_FAR;
    bits >>= used + extra;
    bitCount -= used + extra;
    remaining = length;
    distance = back;
    copyMatch();
    if (remaining > 0) {
      mode = MODE_COPY;
      return INFLATE_NEEDS_INPUT;
    }
  }
}
