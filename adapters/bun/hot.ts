// `bun --hot` runs a changed program in the process of the old one, whose servers still listen. As with Bun.serve, a server of the new
// program takes over from the one of the old program at the same place: https://bun.sh/docs/runtime/hot.

import type { ListenPlan } from '../../src/http1/network.ts';
import type { BunListener } from './bun.ts';

interface Held {
  /** The run of the program that it belongs to. */
  readonly run: object;
  readonly plan: ListenPlan;
  readonly listener: BunListener;
}

const isHot = process.execArgv.includes('--hot');
/** This run of the program: a reload evaluates this module again. */
const run = {};
/** The listeners, for later runs. */
const HELD = Symbol.for('wasock.bun.listeners');
const held: Set<Held> = ((globalThis as Record<symbol, Set<Held> | undefined>)[HELD] ??= new Set());

/** Whether `plan` wants the place of a former run's listener. A plan for any port gets the port of a listener for any port. */
function isPlaceOf({ plan: former, listener }: Held, { path, host, port }: ListenPlan): boolean {
  if (path !== undefined || former.path !== undefined) return former.path === path;
  return port === 0 ? former.port === 0 && former.host === host : listener.port === port;
}

/**
 * Stops the listener of a former run at the place of `plan`. Its connections stay open.
 *
 * @returns The port to listen on.
 */
export function takeOver(plan: ListenPlan): number {
  const former = isHot ? [...held].find((entry) => entry.run !== run && isPlaceOf(entry, plan)) : undefined;
  if (former === undefined) return plan.port;
  held.delete(former);
  const port = former.listener.port ?? plan.port;
  former.listener.stop();
  return port;
}

/** Lets a later run take `listener` over. @returns A function that withdraws it. */
export function hold(plan: ListenPlan, listener: BunListener): () => void {
  if (!isHot) return () => {};
  const entry = { run, plan, listener };
  held.add(entry);
  return () => held.delete(entry);
}
