// The platform made of Node.js's built-in modules: Buffers, clocks, randomness. Deno and Bun have these modules too.

import { AsyncResource } from 'node:async_hooks';
import { Buffer, constants } from 'node:buffer';
import { randomFillSync } from 'node:crypto';
import { sharedCodec } from '../codec/load.ts';
import { createBlocks } from '../protocol/blocks.ts';
import { createSlabs } from '../protocol/outbox.ts';
import { createTurn } from '../protocol/turn.ts';
import type { Platform } from '../platform.ts';
import { publishEvents } from './channels.ts';
import { clearTimer, defer, elapsed, immediate, ownTimer, setTimer } from '../clock.ts';
import { flushOnExit } from './exit.ts';
import { allocate, copyToOwn, createCopyMessage, makeView } from './buffers.ts';
import { ConnectionMemory } from './message-memory.ts';

flushOnExit();

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
const waiting: (() => unknown)[] = [];
let isPlanned = false;

function planTurn(): void {
  if (isPlanned || waiting.length === 0) return;
  isPlanned = true;
  immediate(runTurn);
}

function nextTurn(task: () => unknown): void {
  waiting.push(task);
  planTurn();
}

function runTurn(): void {
  isPlanned = false;
  let task: (() => unknown) | undefined;
  do {
    task = waiting.shift();
    // First, because the task may throw.
    planTurn();
  } while (task?.() === true);
}

/** 16 MiB. */
const MOST_BLOCKS = 128;

const codec = sharedCodec();

/** Node.js 22.10 and later, Deno and Bun have this in node:worker_threads. */
interface Threads {
  readonly markAsUncloneable?: (object: object) => void;
}

export const platform: Platform = {
  codec,
  // Loads the module with the first object: it takes 2 ms, and the ws-style classes need none.
  markUncloneable: (object) =>
    (process.getBuiltinModule?.('node:worker_threads') as Threads | undefined)?.markAsUncloneable?.(object),
  copyMessage: createCopyMessage(codec),
  view: (region, start, length) => makeView(region.memory as ArrayBuffer, start, length),
  allocate,
  slab: createSlabs(allocate),
  blocks: createBlocks(allocate, MOST_BLOCKS),
  copy: copyToOwn,
  borrowMemory: (mode) => new ConnectionMemory(mode === 'checked'),
  longestText: constants.MAX_STRING_LENGTH,
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
  bind(callback) {
    const context = new AsyncResource('WebSocketSend');
    return (error) => context.runInAsyncScope(callback, undefined, error);
  },
  defer,
  nextTurn,
  turn: createTurn(nextTurn),
  setTimer,
  ownTimer,
  clearTimer,
  elapsed,
};

publishEvents();
