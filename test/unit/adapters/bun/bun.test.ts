// Checked by `npm run check:types`: what a program with Bun's own types may pass.

import { expectTypeOf, test } from 'vitest';
import type { BunServer } from '../../../../adapters/bun/bun.ts';
import type { ServedSession } from '../../../../adapters/bun/served-session.ts';

/** The Server of bun-types 1.4, as far as `upgrade` uses it. */
interface TypedServer {
  upgrade(request: Request, options: { headers?: HeadersInit; data: ServedSession }): boolean;
}

test("server of Bun's own types can be passed to upgrade()", () => {
  expectTypeOf<TypedServer>().toExtend<BunServer>();
});
