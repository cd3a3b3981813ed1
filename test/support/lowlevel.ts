// Lends the low-level classes what the entry point on Node.js lends them, for tests that import them by themselves.

import { deflateEngine } from '../../src/nodejs/deflate-engine.ts';
import { bindLowlevel } from '../../src/nodejs/lowlevel/binding.ts';
import { platform } from '../../src/nodejs/platform.ts';

export function lendNodePlatform(): void {
  bindLowlevel(platform, deflateEngine);
}
