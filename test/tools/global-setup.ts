// Runs once before the suite: names the missing file instead of letting every file fail on an import.

import { existsSync } from 'node:fs';

export default function setup(): void {
  if (!existsSync(new URL('../../src/codec/embedded.ts', import.meta.url))) {
    throw new Error('src/codec/embedded.ts is missing: it is generated. Run `npm run build` first.');
  }
}
