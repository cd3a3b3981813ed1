// The platform of the low-level classes. An entry point binds it, so that one with another codec does not bundle ours.

import type { Platform } from '../../platform.ts';
import type { EngineChoice } from '../compression.ts';

/** Set before any of the classes can be reached. */
// oxlint-disable-next-line import/no-mutable-exports -- set once, by the entry point
export let platform: Platform;
// oxlint-disable-next-line import/no-mutable-exports -- set once, by the entry point
export let deflateEngine: EngineChoice;

/** Binds the low-level classes to the runtime of an entry point. */
export function bindLowlevel(given: Platform, engine: EngineChoice): void {
  platform = given;
  deflateEngine = engine;
}
