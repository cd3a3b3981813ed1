// The frame codec in plain TypeScript, RFC 6455 sections 5 and 8.1, over the same memory map as the WebAssembly modules.
// The fallback where WebAssembly is forbidden, and the oracle that those modules are tested against: it is written for the eye.

import {
  CONFIG_ALLOW_RSV1,
  CONFIG_EXPECT_MASK,
  CONFIG_SKIP_UTF8,
  MEMORY_PAGES,
  PAGE_BYTES,
  RECORDS,
  RECORD_ADDRESS,
  RECORD_ASCII,
  RECORD_CAPACITY,
  RECORD_FIN,
  RECORD_FLAGS,
  RECORD_FRAME_END,
  RECORD_FRAME_START,
  RECORD_LENGTH,
  RECORD_RSV1,
  RECORD_WORDS,
  STATE,
  STATE_CONFIG,
  STATE_CONSUMED,
  STATE_FRAME,
  STATE_KEY,
  STATE_MESSAGE,
  STATE_REMAINING_HIGH,
  STATE_REMAINING_LOW,
  STATE_STATUS,
  STATE_UTF8,
  STATE_WORDS,
  STATUS_CONTROL_TOO_LONG,
  STATUS_EXPECTED_CONTINUATION,
  STATUS_FRAGMENTED_CONTROL,
  STATUS_INVALID_UTF8,
  STATUS_LENGTH_FORM,
  STATUS_LENGTH_UNSAFE,
  STATUS_MASK_FORBIDDEN,
  STATUS_MASK_MISSING,
  STATUS_MORE,
  STATUS_OK,
  STATUS_RESERVED_OPCODE,
  STATUS_RSV2_OR_RSV3,
  STATUS_UNEXPECTED_CONTINUATION,
  STATUS_UNEXPECTED_RSV1,
} from '../../assembly/layout.ts';
import { type Kernel, UTF8_ACCEPT, UTF8_REJECT } from './codec.ts';

const OPCODE_CONTINUATION = 0;
const OPCODE_TEXT = 1;
const OPCODE_BINARY = 2;
const OPCODE_CLOSE = 8;
const OPCODE_PONG = 10;
const FIN = 0x80;
const RSV1 = 0x40;
const RSV2 = 0x20;
const RSV3 = 0x10;
const OPCODE = 0x0f;
const MASK = 0x80;
/** Marks STATE_FRAME as set: the first byte of a continuation frame without FIN is 0. */
const FRAME_IN_PROGRESS = 0x100;
const TWO_TO_32 = 0x1_0000_0000;

/** Makes a kernel with separate memory. */
export function createTypeScriptKernel(): Kernel {
  return new TypeScriptKernel();
}

class TypeScriptKernel implements Kernel {
  readonly name = 'typescript';
  readonly memory: ArrayBuffer = new ArrayBuffer(MEMORY_PAGES * PAGE_BYTES);
  readonly #bytes: Uint8Array = new Uint8Array(this.memory);
  readonly #words: Int32Array = new Int32Array(this.memory);
  readonly #state: Int32Array = new Int32Array(this.memory, STATE, STATE_WORDS);
  readonly #records: Int32Array = new Int32Array(this.memory, RECORDS, RECORD_CAPACITY * RECORD_WORDS);
  /** Records written by the call in progress. */
  #count = 0;
  /** Whether the last {@link validate} began between two code points and met only bytes below 0x80. */
  #wasAscii = true;

  /** The state block is the working state: it is read and written in place. */
  decode(address: number, length: number): number {
    const state = this.#state;
    const end = address + length;
    let at = address;
    this.#count = 0;
    state[STATE_STATUS] = STATUS_OK;
    while (at < end && state[STATE_STATUS] === STATUS_OK) {
      if (this.#count === RECORD_CAPACITY) {
        state[STATE_STATUS] = STATUS_MORE;
      } else if (state[STATE_FRAME] !== 0) {
        at = this.#decodePayload(at, end, 0);
      } else {
        const next = this.#decodeFrame(at, end);
        if (next === at) break;
        at = next;
      }
    }
    state[STATE_CONSUMED] = at - address;
    return this.#count;
  }

  /** Returns the address to go on from: `at` when the header, or a control frame, is incomplete or breaks a rule. */
  #decodeFrame(at: number, end: number): number {
    const bytes = this.#bytes;
    const state = this.#state;
    const first = bytes[at];
    state[STATE_STATUS] = statusOfFirstByte(first, state[STATE_CONFIG], state[STATE_MESSAGE] !== 0);
    if (state[STATE_STATUS] !== STATUS_OK || end - at < 2) return at;
    const second = bytes[at + 1];
    const isControl = (first & OPCODE) >= OPCODE_CLOSE;
    state[STATE_STATUS] = statusOfSecondByte(second, state[STATE_CONFIG], isControl);
    if (state[STATE_STATUS] !== STATUS_OK) return at;

    let payload = at + 2;
    let length = second & 0x7f;
    if (length >= 126) {
      payload += length === 126 ? 2 : 8;
      if (payload > end) return at;
      length = this.#readLength(at + 2, payload);
      if (state[STATE_STATUS] !== STATUS_OK) return at;
    }
    let key = 0;
    if ((second & MASK) !== 0) {
      if (payload + 4 > end) return at;
      key = bytes[payload] | (bytes[payload + 1] << 8) | (bytes[payload + 2] << 16) | (bytes[payload + 3] << 24);
      payload += 4;
    }

    if (isControl) {
      if (payload + length > end) return at;
      if (key !== 0) this.mask(payload, length, key);
      this.#writeRecord(first | RECORD_FRAME_START | RECORD_FRAME_END, payload, length);
      return payload + length;
    }
    if ((first & OPCODE) !== OPCODE_CONTINUATION) state[STATE_MESSAGE] = first & (OPCODE | RSV1);
    state[STATE_FRAME] = first | FRAME_IN_PROGRESS;
    state[STATE_KEY] = key;
    this.#setRemaining(length);
    return this.#decodePayload(payload, end, RECORD_FRAME_START);
  }

  /** Reads the extended payload length in [at, end), two or eight bytes in network byte order, and checks its form. */
  #readLength(at: number, end: number): number {
    const bytes = this.#bytes;
    let length = 0;
    for (let index = at; index < end; index++) length = length * 256 + bytes[index];
    const isLong = end - at === 8;
    // The shortest form must be used, and the most significant bit must be 0. A number is exact below 2^53 only, but big enough.
    if (length < (isLong ? 65536 : 126) || (isLong && bytes[at] >= 0x80)) this.#state[STATE_STATUS] = STATUS_LENGTH_FORM;
    else if (length > Number.MAX_SAFE_INTEGER) this.#state[STATE_STATUS] = STATUS_LENGTH_UNSAFE;
    return length;
  }

  /** Records the part of the data frame in progress in [at, end). Returns the address behind it. */
  #decodePayload(at: number, end: number, frameStart: number): number {
    const state = this.#state;
    const first = state[STATE_FRAME] & 0xff;
    const remaining = (state[STATE_REMAINING_HIGH] >>> 0) * TWO_TO_32 + (state[STATE_REMAINING_LOW] >>> 0);
    const length = Math.min(remaining, end - at);
    const isFrameEnd = length === remaining;
    const isMessageEnd = isFrameEnd && (first & FIN) !== 0;
    let flags = (first & (OPCODE | RECORD_RSV1 | RECORD_FIN)) | frameStart | (isFrameEnd ? RECORD_FRAME_END : 0);

    if (state[STATE_KEY] !== 0) state[STATE_KEY] = this.mask(at, length, state[STATE_KEY]);
    // A message with RSV1 is compressed: it is text only once inflated.
    if (state[STATE_MESSAGE] === OPCODE_TEXT && (state[STATE_CONFIG] & CONFIG_SKIP_UTF8) === 0) {
      const utf8 = this.validate(at, length, state[STATE_UTF8]);
      state[STATE_UTF8] = utf8;
      if (utf8 === UTF8_REJECT || (isMessageEnd && utf8 !== UTF8_ACCEPT)) {
        state[STATE_STATUS] = STATUS_INVALID_UTF8;
        return at;
      }
      if (this.#wasAscii) flags |= RECORD_ASCII;
    }
    this.#writeRecord(flags, at, length);
    this.#setRemaining(remaining - length);
    if (isFrameEnd) state[STATE_FRAME] = 0;
    if (isMessageEnd) state[STATE_MESSAGE] = 0;
    return at + length;
  }

  #setRemaining(bytes: number): void {
    this.#state[STATE_REMAINING_LOW] = bytes | 0;
    this.#state[STATE_REMAINING_HIGH] = Math.floor(bytes / TWO_TO_32);
  }

  #writeRecord(flags: number, address: number, length: number): void {
    const record = this.#count++ * RECORD_WORDS;
    this.#records[record + RECORD_FLAGS] = flags;
    this.#records[record + RECORD_ADDRESS] = address;
    this.#records[record + RECORD_LENGTH] = length;
  }

  encodeFrame(address: number, first: number, length: number, masked: boolean | number, key: number): number {
    const bytes = this.#bytes;
    const maskBit = masked ? MASK : 0;
    let at = address;
    bytes[at++] = first;
    if (length < 126) {
      bytes[at++] = maskBit | length;
    } else {
      // No frame in this memory has a length of more than 32 bits.
      bytes[at++] = maskBit | (length < 65536 ? 126 : 127);
      if (length >= 65536) {
        bytes.fill(0, at, at + 4);
        bytes[at + 4] = length >>> 24;
        bytes[at + 5] = length >>> 16;
        at += 6;
      }
      bytes[at++] = length >>> 8;
      bytes[at++] = length;
    }
    if (masked) {
      for (let shift = 0; shift < 32; shift += 8) bytes[at++] = key >>> shift;
      this.mask(at, length, key);
    }
    return at + length;
  }

  mask(address: number, length: number, key: number): number {
    const bytes = this.#bytes;
    const end = address + length;
    let at = address;
    let rotated = key | 0;
    // Byte by byte to a multiple of four, then whole words, whose order of bytes is the key's on a little-endian machine.
    for (; at < end && (at & 3) !== 0; at++) {
      bytes[at] ^= rotated;
      rotated = rotate(rotated);
    }
    const wordsEnd = at + ((end - at) & ~3);
    xorWords(this.#words, at >> 2, wordsEnd >> 2, rotated);
    at = wordsEnd;
    for (; at < end; at++) {
      bytes[at] ^= rotated;
      rotated = rotate(rotated);
    }
    return rotated;
  }

  /**
   * The grammar of RFC 3629 section 4. A state other than the two named ones packs the number of continuation bytes missing
   * (bits 0–7) and the lowest (8–15) and highest (16–23) value that the next of them may have.
   */
  validate(address: number, length: number, state: number): number {
    this.#wasAscii = state === UTF8_ACCEPT;
    if (state === UTF8_REJECT) return UTF8_REJECT;
    const bytes = this.#bytes;
    const words = this.#words;
    const end = address + length;
    let missing = state & 0xff;
    let lowest = (state >> 8) & 0xff;
    let highest = state >> 16;
    for (let at = address; at < end;) {
      const byte = bytes[at++];
      if (missing > 0) {
        if (byte < lowest || byte > highest) return UTF8_REJECT;
        missing--;
        lowest = 0x80;
        highest = 0xbf;
      } else if (byte < 0x80) {
        if ((at & 3) === 0) for (const last = end - 4; at <= last && (words[at >> 2] & 0x80808080) === 0;) at += 4;
      } else {
        // 0xC0, 0xC1 and 0xF5 to 0xFF never occur; a lead byte is not a continuation byte.
        if (byte < 0xc2 || byte > 0xf4) return UTF8_REJECT;
        this.#wasAscii = false;
        missing = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
        // Overlong forms, then surrogates, then code points above U+10FFFF.
        lowest = byte === 0xe0 ? 0xa0 : byte === 0xf0 ? 0x90 : 0x80;
        highest = byte === 0xed ? 0x9f : byte === 0xf4 ? 0x8f : 0xbf;
      }
    }
    return missing === 0 ? UTF8_ACCEPT : missing | (lowest << 8) | (highest << 16);
  }
}

/** Apart from `mask`, and four words a round, because V8 makes that several times as fast. */
function xorWords(words: Int32Array, start: number, end: number, key: number): void {
  let index = start;
  for (; index < end - 3; index += 4) {
    words[index] ^= key;
    words[index + 1] ^= key;
    words[index + 2] ^= key;
    words[index + 3] ^= key;
  }
  for (; index < end; index++) words[index] ^= key;
}

/** The key for the byte after the one that the low byte of `key` has masked. */
function rotate(key: number): number {
  return (key >>> 8) | (key << 24);
}

/** RFC 6455 sections 5.2, 5.4 and 5.5; RFC 7692 section 6. */
function statusOfFirstByte(first: number, config: number, isMessageOpen: boolean): number {
  const opcode = first & OPCODE;
  if ((first & (RSV2 | RSV3)) !== 0) return STATUS_RSV2_OR_RSV3;
  if ((first & RSV1) !== 0) {
    const isAllowed = (config & CONFIG_ALLOW_RSV1) !== 0 && (opcode === OPCODE_TEXT || opcode === OPCODE_BINARY);
    if (!isAllowed) return STATUS_UNEXPECTED_RSV1;
  }
  if (opcode > OPCODE_PONG || (opcode > OPCODE_BINARY && opcode < OPCODE_CLOSE)) return STATUS_RESERVED_OPCODE;
  if (opcode >= OPCODE_CLOSE) return (first & FIN) !== 0 ? STATUS_OK : STATUS_FRAGMENTED_CONTROL;
  if (opcode === OPCODE_CONTINUATION) return isMessageOpen ? STATUS_OK : STATUS_UNEXPECTED_CONTINUATION;
  return isMessageOpen ? STATUS_EXPECTED_CONTINUATION : STATUS_OK;
}

/** RFC 6455 sections 5.1 and 5.5. */
function statusOfSecondByte(second: number, config: number, isControl: boolean): number {
  const isMasked = (second & MASK) !== 0;
  const mustBeMasked = (config & CONFIG_EXPECT_MASK) !== 0;
  if (isMasked !== mustBeMasked) return mustBeMasked ? STATUS_MASK_MISSING : STATUS_MASK_FORBIDDEN;
  return isControl && (second & 0x7f) > 125 ? STATUS_CONTROL_TOO_LONG : STATUS_OK;
}
