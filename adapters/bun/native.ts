// The WebSocket of Bun.serve: an upgrade request answered by `server.upgrade()`, and its socket as a session. Requests are
// checked as RFC 6455 section 4.2 says.

import { refuse } from '../../src/handshake/refusal.ts';
import type { OutputLimitOptions } from '../../src/native/output-limit.ts';
import { admitted, throughGate, type Entered, type GateRules } from '../../src/native/gated.ts';
import { limitMessages } from '../../src/native/limit.ts';
import { readUpgradeOptions, type CommonUpgradeOptions, type OptionRules } from '../../src/native/options.ts';
import { answerFor, checkUpgrade, refused, type Refused } from '../../src/native/upgrade.ts';
import type { Session } from '../../src/platform.ts';
import type { BunServer } from './bun.ts';
import { ServedSession } from './served-session.ts';

export type { Refused } from '../../src/native/upgrade.ts';

/**
 * How to answer an upgrade request. Bun answers within `upgrade`, and closes TCP directly after its Close frame, so `handshakeTimeout`
 * and `closeTimeout` have no effect.
 */
export interface UpgradeOptions extends CommonUpgradeOptions, OutputLimitOptions {}

const RULES: OptionRules = {
  names: ['maxBufferedAmount', 'bufferPolicy'],
  advice: {
    data: 'keep it where you keep the WebSocket',
    heartbeat: 'Bun sends Pings by itself, for all connections: { ...websocket, idleTimeout: 60 }',
    idleTimeout: 'it is for all connections in Bun: { ...websocket, idleTimeout: 60 }',
    perMessageDeflate: 'it is for all connections in Bun: { ...websocket, perMessageDeflate: true }',
  },
};

const GATE: GateRules = { remoteAddress: 'server.requestIP(request) tells none, so pass the one that the program knows' };

/** A request that was accepted. */
export interface Upgraded<Socket> {
  /** Undefined, because Bun has answered already. The handler returns it. */
  readonly response: undefined;
  /** Still CONNECTING: it opens before the next I/O, so add listeners before anything is awaited. */
  readonly socket: Socket;
  /** The client's address: that of `server.requestIP()`, unless `remoteAddress` or the gate's `trustProxy` tell another. Undefined without a gate. */
  readonly clientAddress: string | undefined;
}

/** The result of an upgrade, before there is a WebSocket class. */
export interface NativeUpgrade {
  readonly clientAddress: string | undefined;
  /** The request's URL, as that of a WebSocket. */
  readonly url: string;
  readonly protocol: string;
  /** Not attached and not started. */
  readonly session: Session;
}

/** Answers `request`. @throws {TypeError} for an option without effect. */
export function upgradeNatively(request: Request, server: BunServer, given?: UpgradeOptions | null): NativeUpgrade | Refused {
  const options = readUpgradeOptions(given, RULES);
  // Unix domain sockets have no address.
  const remoteAddress = options.remoteAddress ?? (options.gate && (server.requestIP?.(request)?.address || 'unix'));
  return throughGate(request, { ...options, remoteAddress }, GATE, (entered) =>
    upgradeEntered(request, server, options, entered),
  );
}

function upgradeEntered(
  request: Request,
  server: BunServer,
  options: UpgradeOptions,
  entered: Entered,
): NativeUpgrade | Refused {
  const check = checkUpgrade(request);
  if (!('accepted' in check)) return check;
  const { protocol, headers } = answerFor(check.protocols, request, options);
  // An empty value, which is not sent, prevents Bun from selecting the client's first subprotocol.
  if (check.protocols.length > 0) headers.set('Sec-WebSocket-Protocol', protocol);
  const session = new ServedSession(options);
  if (!server.upgrade(request, { headers, data: session })) return refused(refuse(400, 'The request cannot be upgraded'));
  const { clientAddress } = entered;
  return {
    url: check.url,
    protocol,
    clientAddress,
    session: admitted(limitMessages(session, options.maxPayload ?? 0), entered),
  };
}
