// The option `gate` of `upgrade()`: limits and shutdown for WebSockets of a runtime.

import type { GateCore, Pass } from '../admission/gate-core.ts';
import type { Gate } from '../admission/gate.ts';
import { GATE_TAG } from '../admission/options.ts';
import { findCore } from '../base/core.ts';
import type { Handshake, RefusalReason } from '../base/meter.ts';
import { totals } from '../base/totals.ts';
import type { Session } from '../platform.ts';
import { refused, type Refused } from './upgrade.ts';

/** Options of `upgrade` for a gate. */
export interface GateOptions {
  /** Limits and shuts down the WebSockets that are made with it. Default: none. */
  readonly gate?: Gate | undefined;
  /**
   * The address of the connection's other end, as the runtime tells it. Needed for a gate that counts by address or has `trustProxy`. Of a Unix domain
   * socket: its path, or any other text that is no address.
   */
  readonly remoteAddress?: string | undefined;
}

/** A request that may be upgraded. */
export interface Entered {
  /** Undefined without a gate. */
  readonly pass: Pass | undefined;
  /** The address of the client; undefined without a gate. */
  readonly clientAddress: string | undefined;
}

/** Properties of a runtime that matter to a gate. */
export interface GateRules {
  /** Says where the program finds `remoteAddress`. */
  readonly remoteAddress: string;
  /** Why `ratePolicy: 'pause'` has no effect; left out where it has. */
  readonly cannotPause?: string;
}

/** The core of a gate. @throws {TypeError} for another object. */
export function gateCoreOf(gate: Gate): GateCore {
  const core = findCore(Object(gate) as object) as GateCore | undefined;
  if (core?.[Symbol.toStringTag] !== GATE_TAG) throw new TypeError('gate: it must be a Gate of the same entry point');
  return core;
}

/**
 * Lets `request` in, or refuses it, before anything else is looked at. Then runs `upgrade`.
 *
 * @throws {TypeError} for a gate that the runtime cannot obey, or that has not been told the address.
 */
export function throughGate<Upgraded extends object>(
  request: Request,
  options: GateOptions,
  rules: GateRules,
  upgrade: (entered: Entered) => Upgraded | Refused,
): Upgraded | Refused {
  const observer = options.gate && totals.server?.watch.observer;
  if (!observer) return letIn(request, options, rules, upgrade, undefined);
  const handshake = { server: options.gate, request, socket: null };
  let result!: Upgraded | Refused;
  observer.begin(handshake, () => {
    result = letIn(request, options, rules, upgrade, handshake);
  });
  return result;
}

function letIn<Upgraded extends object>(
  request: Request,
  options: GateOptions,
  rules: GateRules,
  upgrade: (entered: Entered) => Upgraded | Refused,
  handshake: Handshake | undefined,
): Upgraded | Refused {
  const entered = enter(request, options, rules, handshake);
  if ('socket' in entered) return entered;
  let reason: RefusalReason | null = 'hook';
  try {
    const upgraded = upgrade(entered);
    reason = 'socket' in upgraded ? 'request' : null;
    return upgraded;
  } finally {
    if (reason !== null) giveBack(entered.pass, reason);
  }
}

/** The request got no connection. */
export function giveBack(pass: Pass | undefined, reason: RefusalReason): void {
  if (pass === undefined) return totals.server?.tally('refused', reason);
  pass.refuse(reason);
  pass.leave();
}

function enter(
  request: Request,
  { gate, remoteAddress }: GateOptions,
  rules: GateRules,
  handshake: Handshake | undefined,
): Entered | Refused {
  if (gate === undefined) return { pass: undefined, clientAddress: undefined };
  const core = gateCoreOf(gate);
  if (core.pauses && rules.cannotPause !== undefined) {
    throw new TypeError(`gate: ${rules.cannotPause}: set ratePolicy: 'close'`);
  }
  if (core.needsAddress && remoteAddress === undefined) {
    throw new TypeError(`remoteAddress: the gate has limits by address: ${rules.remoteAddress}`);
  }
  const clientAddress = core.addressOf(remoteAddress, (name) => request.headers.get(name));
  const pass = core.enter(clientAddress, handshake);
  return 'accepted' in pass ? refused(pass) : { pass, clientAddress };
}

/** The session with its gate. @param session Not attached yet. @returns `session`. */
export function admitted(session: Session, { pass }: Entered): Session {
  pass?.admit(session);
  return session;
}
