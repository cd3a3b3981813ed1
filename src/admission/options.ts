// The options that decide which clients get a connection, and how much a connection may ask for.

import type { Rate } from './bucket.ts';
import type { TrustProxy } from './forwarded.ts';

/** Reaction to a peer that exceeds `messageRate` or `byteRate`. */
export type RatePolicy = 'pause' | 'close';

/** Limits of a server. All are off unless they are set. */
export interface AdmissionOptions {
  /** Most connections, including those whose handshake is under way; 0 for no limit, the default. Further clients are answered 503. */
  readonly maxConnections?: number | undefined;
  /**
   * The same for one client address, or one /64 network of IPv6; 0 for no limit, the default. Further clients are answered 429. Behind a proxy
   * it needs `trustProxy`.
   */
  readonly maxConnectionsPerAddress?: number | undefined;
  /**
   * Upgrade requests of one client address, or one /64 network of IPv6: a number a second, or `{ count, interval }` with milliseconds. Further
   * requests are answered 429. Default: no limit. Behind a proxy it needs `trustProxy`.
   */
  readonly handshakeRate?: Rate | undefined;
  /**
   * Most upgrade requests that wait for a hook, such as `verifyClient`, or for the runtime; 0 for no limit, the default. Further requests are answered 503.
   */
  readonly maxHandshakesPending?: number | undefined;
  /**
   * Most bytes that wait in all connections together, for the peers and for the program; 0 for no limit, the default. While there are more, the
   * connection that holds the most is dropped, so a connection with less than an equal share is never dropped. Checked ten times a second.
   */
  readonly maxTotalBuffered?: number | undefined;
  /**
   * The proxies whose X-Forwarded-For or Forwarded field is trusted: their number, or a list of their networks. Default: none. `clientAddress` of a
   * request is the result.
   */
  readonly trustProxy?: TrustProxy | undefined;
  /** Messages, Pings and Pongs of one connection: a number a second, or `{ count, interval }` with milliseconds. Default: no limit. */
  readonly messageRate?: Rate | undefined;
  /** Payload bytes of one connection, after decompression, in the same form. Default: no limit. */
  readonly byteRate?: Rate | undefined;
  /**
   * Reaction to a peer that exceeds `messageRate` or `byteRate`. `'pause'`, the default, stops reading until the rate allows it again. `'close'` closes the
   * connection with 1008.
   */
  readonly ratePolicy?: RatePolicy | undefined;
}

/** The names of all options. */
export const ADMISSION_OPTIONS: readonly (keyof AdmissionOptions)[] = [
  'byteRate',
  'handshakeRate',
  'maxConnections',
  'maxConnectionsPerAddress',
  'maxHandshakesPending',
  'maxTotalBuffered',
  'messageRate',
  'ratePolicy',
  'trustProxy',
];

/** `Symbol.toStringTag` of the core of a gate. */
export const GATE_TAG = 'GateCore';
