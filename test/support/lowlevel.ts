// Lends the low-level classes what the entry point on Node.js lends them, for tests that import them by themselves.

import { deflateEngine } from '../../src/nodejs/deflate-engine.ts';
import { lendPlatform } from '../../src/nodejs/lowlevel/lent.ts';
import { platform } from '../../src/nodejs/platform.ts';

export function lendNodePlatform(): void {
  lendPlatform(platform, deflateEngine);
}
