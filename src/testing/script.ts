// Faults by script: for a connection that the code under test makes, which a test therefore cannot change beforehand.

import { checkLimit, checkTime } from '../base/options.ts';
import type { MockRefusal } from './accept.ts';
import type { MockConnection } from './connection.ts';

/** One fault, and when it happens. */
export type Fault = {
  /** Messages of the client after which it happens. Default 0: when the connection is open. */
  readonly after?: number;
} & (
  | { readonly fault: 'cut' | 'half-open' | 'slow-reader' | 'terminate' }
  /** From then on everything takes so many milliseconds. */
  | { readonly fault: 'delay'; readonly milliseconds: number }
  /** Left out `code`: a Close frame without one. */
  | { readonly fault: 'close'; readonly code?: number; readonly reason?: string }
  /** Sends these bytes as they are. Default: a frame with the reserved opcode 3. */
  | { readonly fault: 'violation'; readonly bytes?: Uint8Array }
);

/** How a mock server treats one connection. */
export interface ConnectionScript {
  /** Declines the opening handshake with this HTTP status, or response. */
  readonly refuse?: number | MockRefusal;
  /** Never answers the opening handshake. Default false. */
  readonly ignore?: boolean;
  /** Milliseconds that everything takes, from the answer to the opening handshake on. Default 0. */
  readonly delay?: number;
  readonly faults?: readonly Fault[];
}

const RESERVED_OPCODE = Uint8Array.of(0x83, 0x00);

const KINDS: readonly unknown[] = ['cut', 'half-open', 'slow-reader', 'terminate', 'delay', 'close', 'violation'];

/** @throws {TypeError} for a value that is no refusal, such as the promise of an asynchronous function. */
export function refusalOf(given: number | MockRefusal): MockRefusal {
  const refusal = typeof given === 'number' ? { status: given } : given;
  if (typeof (Object(refusal) as Partial<MockRefusal>).status === 'number') return refusal;
  throw new TypeError('refuse must be or return an HTTP status, or an object with a status, and at once');
}

/**
 * @throws {TypeError} that names a fault which does not exist, or for a refusal that is none.
 * @throws {RangeError} that names a number which makes no sense.
 */
export function checkScript({ faults = [], delay = 0, refuse }: ConnectionScript): void {
  if (refuse !== undefined) refusalOf(refuse);
  checkTime('delay', delay);
  for (const given of faults) {
    const { fault, after = 0 } = given;
    if (!KINDS.includes(fault)) throw new TypeError(`There is no fault "${fault}": use one of ${KINDS.join(', ')}`);
    checkLimit('after', after);
    if (given.fault === 'delay') checkTime('milliseconds', given.milliseconds);
  }
}

function inject(connection: MockConnection, given: Fault): void {
  switch (given.fault) {
    case 'cut':
      return connection.link.cut();
    case 'half-open':
      return connection.link.hold();
    case 'slow-reader':
      return connection.pause();
    case 'terminate':
      return connection.terminate();
    case 'delay':
      connection.link.delay = given.milliseconds;
      return;
    case 'close':
      return void connection.close(given.code, given.reason);
    case 'violation':
      return connection.sendRaw(given.bytes ?? RESERVED_OPCODE);
  }
}

/** Makes the faults of `script` that happen after as many messages as `connection` has received. */
export function injectFaults(connection: MockConnection, script: ConnectionScript | undefined): void {
  for (const fault of script?.faults ?? []) if ((fault.after ?? 0) === connection.received.length) inject(connection, fault);
}
