// Replaces src/handshake/digest.ts in the bundles: Deno has SHA-1 itself.

import { createHash } from 'node:crypto';

export function digest(text: string): string {
  return createHash('sha1').update(text).digest('base64');
}
