// The platform of Bun: Node.js's built-in modules, and Bun's own ways to make views.
//
// A view over existing memory costs JavaScriptCore more than the object: the ArrayBuffer has a list of its views, which the garbage collector
// walks. So views are reused if possible, and made by the cheapest call otherwise.

import { Buffer } from 'node:buffer';
import { takes } from '../../src/base/fast-paths.ts';
import { createCopyMessage } from '../../src/nodejs/buffers.ts';
import { platform as nodejs } from '../../src/nodejs/platform.ts';
import type { Platform } from '../../src/platform.ts';

/**
 * Number of cached views of codec memory, indexed by the low bits of their lengths. A bare echo loop that wrote one view again and again instead of a
 * new one a write did 15 % more a second (125 bytes, 32 in flight, Bun 1.4.5); through the whole library the gain is within the noise.
 */
const VIEWS: number = takes('cached-views') ? 1024 : 0;
const views: (Uint8Array | undefined)[] = Array.from({ length: VIEWS });

const { codec } = nodejs;
const memory = Buffer.from(codec.kernel.memory);

export const platform: Platform = {
  ...nodejs,
  // 125 bytes: 46 ns; by the constructor 66 ns; a new Buffer and `set` 148 ns.
  copyMessage: createCopyMessage(codec, undefined, (_memory, start, length, window) => window.subarray(start, start + length)),
  view({ bytes }, start, length) {
    if (bytes !== codec.memory) return bytes.subarray(start, start + length);
    if (VIEWS === 0) return memory.subarray(start, start + length);
    const at = length % VIEWS;
    const known = views[at];
    if (known !== undefined && known.length === length && known.byteOffset === start) return known;
    return (views[at] = memory.subarray(start, start + length));
  },
};
