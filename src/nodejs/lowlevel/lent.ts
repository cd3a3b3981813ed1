// Runtime functions of the low-level classes. The entry point sets them, so an entry point with its own codec bundles no other codec.

import type { Platform } from '../../platform.ts';

/** Set before any of the classes can be reached. */
// oxlint-disable-next-line import/no-mutable-exports -- set once, by the entry point
export let platform: Platform;

export function lendPlatform(lent: Platform): void {
  platform = lent;
}
