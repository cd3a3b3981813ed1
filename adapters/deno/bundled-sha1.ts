// Replaces src/handshake/sha1.ts in the bundles: Deno has SHA-1 itself.

import { createHash } from 'node:crypto';

export function sha1(bytes: Uint8Array): Uint8Array {
  return createHash('sha1').update(bytes).digest();
}
