// The meters of the process, if something has loaded them: programs that bundle neither metrics nor a gate count nothing, and carry no meter.

import type { Meter } from './meter.ts';

/** Count sessions of no gate directly, and all others in the end. src/admission/meters.ts makes them. */
export const totals: { client: Meter | null; server: Meter | null } = { client: null, server: null };
