// The engine of permessage-deflate for clients of the W3C entry point, set by deflate.ts.

import type { DeflateEngine } from '../../src/deflate/engine.ts';

let current: (() => DeflateEngine) | undefined;

/** Makes the engine; undefined while compression is not enabled. */
export function currentDeflateEngine(): (() => DeflateEngine) | undefined {
  return current;
}

/** @param make Called at the first connection that negotiates permessage-deflate. */
export function setDeflateEngine(make: () => DeflateEngine): void {
  current = make;
}
