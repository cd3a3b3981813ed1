// The platform made of web APIs only: no Node.js, only globals that every worker has.

import type { BorrowMode } from '../../src/base/options.ts';
import type { Codec } from '../../src/codec/codec.ts';
import { createBlocks } from '../../src/protocol/blocks.ts';
import { createSlabs } from '../../src/protocol/outbox.ts';
import { createTurn } from './turn.ts';
import { LONGEST_STRING, type Platform } from '../../src/platform.ts';
import { edgeCodec } from './codec.ts';
import { clearTimer, defer, elapsed, immediate, ownTimer, setTimer } from '../../src/clock.ts';

/** Number of keys drawn at once. A call for each key would cost more than masking a short message. */
const KEYS = 256;
const keys = new Int32Array(KEYS);
// Not filled here: workerd gives no randomness outside of a request.
let nextKey = KEYS;

/** 1 MiB: an isolate has 128 MB in all. */
const MOST_BLOCKS = 8;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** How byte arrays for users are made. */
export type Copies = Pick<Platform, 'allocate' | 'copy'>;

/** Makes a platform whose byte arrays are of the kind that `copies` makes. Does not touch the codec yet. */
export function createPlatform({ allocate, copy }: Copies): Platform {
  return {
    get codec(): Codec {
      return edgeCodec();
    },
    allocate,
    copy,
    copyMessage: copy,
    view: ({ bytes }, start, length) => bytes.subarray(start, start + length),
    slab: createSlabs(allocate),
    blocks: createBlocks(allocate, MOST_BLOCKS),
    longestText: LONGEST_STRING,
    decodeText: (source, start, end) => decoder.decode(source.subarray(start, end)),
    byteLength: utf8Length,
    writeText: (text, target, offset) => encoder.encodeInto(text, target.subarray(offset)).written,
    maskingKey,
    // Workers have no AsyncLocalStorage without a flag.
    bind: (callback) => callback,
    defer,
    // A timer for each task: workerd ties I/O of a task to the request that set its timer.
    nextTurn: immediate,
    turn: createTurn(immediate),
    setTimer,
    ownTimer,
    clearTimer,
    elapsed,
  };
}

/** With plain Uint8Arrays. */
export const platform: Platform = createPlatform({
  allocate: (length) => new Uint8Array(length),
  // Not its own slice(): that of a Buffer does not copy.
  copy: (source, start, end) => new Uint8Array(source.subarray(start, end)),
});

function maskingKey(): number {
  if (nextKey === KEYS) {
    crypto.getRandomValues(keys);
    nextKey = 0;
  }
  return keys[nextKey++];
}

/** Bytes of `text` as UTF-8, where a lone surrogate takes the three of U+FFFD. */
function utf8Length(text: string): number {
  let length = text.length;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) continue;
    if (unit < 0x800) {
      length += 1;
    } else {
      length += 2;
      // A pair has four bytes: two units, and two more.
      if (unit >= 0xd800 && unit < 0xdc00 && (text.charCodeAt(index + 1) & 0xfc00) === 0xdc00) index++;
    }
  }
  return length;
}

/** @throws {TypeError} for the option `borrowMessages`, because this platform has no memory for it. */
export function refuseBorrowing(options: { readonly borrowMessages?: BorrowMode | undefined }): void {
  if (options.borrowMessages)
    throw new TypeError('The "borrowMessages" option is for Node.js, Deno and Bun: leave it out here');
}
