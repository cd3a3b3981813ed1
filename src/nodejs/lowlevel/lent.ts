// What the low-level classes use of the runtime. The entry point lends it, so that one that has a codec of its own bundles no other.

import type { Platform } from '../../platform.ts';
import type { EngineChoice } from '../compression.ts';

/** Set before any of the classes can be reached. */
// oxlint-disable-next-line import/no-mutable-exports -- set once, by the entry point
export let platform: Platform;
// oxlint-disable-next-line import/no-mutable-exports -- set once, by the entry point
export let deflateEngine: EngineChoice;

export function lendPlatform(lent: Platform, engine: EngineChoice): void {
  platform = lent;
  deflateEngine = engine;
}
