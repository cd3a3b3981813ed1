// Binds the low-level classes as the entry point on Node.js does, for tests that import them by themselves.

import { deflateEngine } from '../../src/nodejs/deflate-engine.ts';
import { bindLowlevel } from '../../src/nodejs/lowlevel/binding.ts';
import { platform } from '../../src/nodejs/platform.ts';

export function lendNodePlatform(): void {
  bindLowlevel(platform, deflateEngine);
}
