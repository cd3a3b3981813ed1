// The WebSocket of Bun.serve: an upgrade request answered by `server.upgrade()`, and its socket as a session. RFC 6455 section 4.2
// decides what is refused.

import { refuse } from '../../src/handshake/refusal.ts';
import type { AdmissionOptions } from '../../src/native/admission.ts';
import { limitMessages } from '../../src/native/limit.ts';
import { readUpgradeOptions, type CommonUpgradeOptions, type OptionRules } from '../../src/native/options.ts';
import { answerFor, checkUpgrade, refused, type Refused } from '../../src/native/upgrade.ts';
import type { Session } from '../../src/platform.ts';
import type { BunServer } from './bun.ts';
import { ServedSession } from './served-session.ts';

export type { Refused } from '../../src/native/upgrade.ts';

/**
 * How to answer an upgrade request. Bun answers within `upgrade`, and closes TCP right behind its Close frame: `handshakeTimeout` and
 * `closeTimeout` have nothing to wait for.
 */
export interface UpgradeOptions extends CommonUpgradeOptions, AdmissionOptions {}

const RULES: OptionRules = {
  names: ['maxBufferedAmount', 'bufferPolicy'],
  advice: {
    data: 'keep it where you keep the WebSocket',
    heartbeat: 'Bun sends Pings by itself, for all connections: { ...websocket, idleTimeout: 60 }',
    idleTimeout: 'it is for all connections in Bun: { ...websocket, idleTimeout: 60 }',
    perMessageDeflate: 'it is for all connections in Bun: { ...websocket, perMessageDeflate: true }',
  },
};

/** A request that was accepted. */
export interface Upgraded<Socket> {
  /** Bun has answered already: what the handler returns for such a request is undefined. */
  readonly response: undefined;
  /** Still CONNECTING: it opens before the next I/O, so add listeners before anything is awaited. */
  readonly socket: Socket;
}

/** What an upgrade comes to, before there is a WebSocket class. */
export interface NativeUpgrade {
  /** What the request asked for, as the URL of a WebSocket. */
  readonly url: string;
  readonly protocol: string;
  /** Not attached and not started. */
  readonly session: Session;
}

/** Answers `request`. @throws {TypeError} for an option of no use. */
export function upgradeNatively(request: Request, server: BunServer, given?: UpgradeOptions | null): NativeUpgrade | Refused {
  const options = readUpgradeOptions(given, RULES);
  const check = checkUpgrade(request);
  if (!('accepted' in check)) return check;
  const { protocol, headers } = answerFor(check.protocols, request, options);
  // An empty one keeps Bun from taking the client's first by itself; it is not sent.
  if (check.protocols.length > 0) headers.set('Sec-WebSocket-Protocol', protocol);
  const session = new ServedSession(options);
  if (!server.upgrade(request, { headers, data: session })) return refused(refuse(400, 'The request cannot be upgraded'));
  return { url: check.url, protocol, session: limitMessages(session, options.maxPayload ?? 0) };
}
