// What Node.js's built-in modules lend to the shared code: Buffers, clocks, randomness. Deno and Bun have them too.

import { Buffer } from 'node:buffer';
import { randomFillSync } from 'node:crypto';
import { sharedCodec } from '../codec/load.ts';
import { createSlabs } from '../protocol/slabs.ts';
import type { Platform } from '../platform.ts';
import { MessageCopies } from './message-copies.ts';
import { makeView } from './views.ts';
import { clearTimer, defer, immediate, ownTimer, setTimer } from '../clock.ts';

/** Keys drawn at once: a call into OpenSSL for each would cost more than masking a short message. */
const KEYS = 2048;
const keys = new Int32Array(KEYS);
let nextKey = KEYS;

/** Buffer's own decoders, which beat TextDecoder by 40 % on short text and need no view of the piece. */
interface Slices {
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
  utf8Write(text: string, offset: number): number;
}
const { latin1Slice, utf8Slice, utf8Write } = Buffer.prototype as unknown as Slices;

/** Tasks of `nextTurn` that wait for their turn. */
const waiting: (() => void)[] = [];

function runOne(): void {
  const task = waiting.shift();
  if (waiting.length > 0) immediate(runOne);
  task?.();
}

function copy(source: Uint8Array, start: number, end: number): Buffer {
  const bytes = Buffer.allocUnsafe(end - start);
  bytes.set(source.subarray(start, end));
  return bytes;
}

/** From 4,096 bytes on not from the pool: a message that a program keeps must not keep its neighbours. */
function allocate(length: number): Buffer {
  return length < 4096 ? Buffer.allocUnsafe(length) : Buffer.allocUnsafeSlow(length);
}

const codec = sharedCodec();
const copies = new MessageCopies(codec);

export const platform: Platform = {
  codec,
  copyMessage: (source, start, end) => (source === codec.memory ? copies.copy(start, end) : copy(source, start, end)),
  view: (region, start, length) => makeView(region.memory as ArrayBuffer, start, length),
  allocate,
  slab: createSlabs(allocate),
  copy,
  decodeText: (source, start, end, isAscii) => (isAscii ? latin1Slice : utf8Slice).call(source, start, end),
  byteLength: (text) => Buffer.byteLength(text),
  writeText: (text, target, offset) => utf8Write.call(target, text, offset),
  maskingKey() {
    if (nextKey === KEYS) {
      randomFillSync(keys);
      nextKey = 0;
    }
    return keys[nextKey++];
  },
  defer,
  nextTurn(task) {
    if (waiting.push(task) === 1) immediate(runOne);
  },
  setTimer,
  ownTimer,
  clearTimer,
};
