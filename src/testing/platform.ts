// The platform of the test kit: JavaScript alone, because jsdom has no TextEncoder. All turns are microtasks, and masking keys repeat,
// so that a test runs the same way each time, whatever a fake clock has replaced.

import { clearTimer, defer, elapsed, microtask, setTimer } from '../clock.ts';
import type { Codec } from '../codec/codec.ts';
import { sharedCodec } from '../codec/load.ts';
import { LONGEST_STRING, type Platform } from '../platform.ts';
import { createBlocks } from '../protocol/blocks.ts';
import { createSlabs } from '../protocol/outbox.ts';
import { createTurn } from '../protocol/turn.ts';

/**
 * Microtasks that make a turn. A program that awaits the event "open" through some promises adds its listener for messages within them, as it
 * would before the next task of a browser.
 */
const TURN = 12;
const MOST_BLOCKS = 8;

function allocate(length: number): Uint8Array {
  return new Uint8Array(length);
}

function copy(source: Uint8Array, start: number, end: number): Uint8Array {
  return source.slice(start, end);
}

/** Runs `task` in a later turn. */
export function nextTurn(task: () => unknown): void {
  let left = TURN;
  const step = (): void => {
    // defer() reports an exception of the task.
    if (--left === 0) defer(() => void task());
    else microtask(step);
  };
  microtask(step);
}

/** Calls `take` with each code point of `text`. A lone surrogate becomes U+FFFD. */
function eachCodePoint(text: string, take: (code: number) => void): void {
  for (const character of text) {
    const code = character.codePointAt(0)!;
    take(code >= 0xd800 && code < 0xe000 ? 0xfffd : code);
  }
}

function utf8Length(text: string): number {
  let length = 0;
  eachCodePoint(text, (code) => (length += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x1_0000 ? 3 : 4));
  return length;
}

function writeUtf8(text: string, target: Uint8Array, offset: number): number {
  let at = offset;
  eachCodePoint(text, (code) => {
    if (code < 0x80) {
      target[at++] = code;
      return;
    }
    const following = code < 0x800 ? 1 : code < 0x1_0000 ? 2 : 3;
    // The first byte has as many leading ones as there are bytes (RFC 3629 section 3).
    target[at++] = ((0xff00 >> (following + 1)) & 0xff) | (code >> (6 * following));
    for (let left = following - 1; left >= 0; left--) target[at++] = 0x80 | ((code >> (6 * left)) & 0x3f);
  });
  return at - offset;
}

/** Makes a string of valid UTF-8: the codec has checked messages. */
function readUtf8(source: Uint8Array, start: number, end: number): string {
  const parts: string[] = [];
  let part = '';
  for (let at = start; at < end;) {
    const first = source[at++];
    const following = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    let code = following === 0 ? first : first & (0x3f >> following);
    for (let left = following; left > 0; left--) code = (code << 6) | (source[at++] & 0x3f);
    part += String.fromCodePoint(code);
    if (part.length < 4096) continue;
    parts.push(part);
    part = '';
  }
  return parts.join('') + part;
}

let nextKey = 0x37fa213d;

/** The same keys in each run. No proxy lies between two ends in memory, so nothing has to be unpredictable (RFC 6455 section 10.3). */
function maskingKey(): number {
  nextKey = (Math.imul(nextKey, 1664525) + 1013904223) | 0;
  return nextKey;
}

export const platform: Platform = {
  get codec(): Codec {
    return sharedCodec();
  },
  allocate,
  copy,
  copyMessage: copy,
  view: ({ bytes }, start, length) => bytes.subarray(start, start + length),
  slab: createSlabs(allocate),
  blocks: createBlocks(allocate, MOST_BLOCKS),
  longestText: LONGEST_STRING,
  decodeText: readUtf8,
  byteLength: utf8Length,
  writeText: writeUtf8,
  maskingKey,
  bind: (callback) => callback,
  defer,
  nextTurn,
  turn: createTurn(nextTurn),
  setTimer,
  // No bytes lie unread in an operating system, so nothing needs the runtime's own clock.
  ownTimer: setTimer,
  clearTimer,
  elapsed,
};
