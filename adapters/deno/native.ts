// The WebSocket of Deno.serve: an upgrade request answered by Deno.upgradeWebSocket, and its socket as a session.
// Requests are checked as RFC 6455 section 4.2 says.

import { DEFAULT_HANDSHAKE_TIMEOUT } from '../../src/base/options.ts';
import type { OutputLimitOptions } from '../../src/native/output-limit.ts';
import { admitted, throughGate, type Entered, type GateRules } from '../../src/native/gated.ts';
import { limitMessages } from '../../src/native/limit.ts';
import { readUpgradeOptions, type CommonUpgradeOptions, type OptionRules } from '../../src/native/options.ts';
import { NativeSession, type NativeSocket } from '../../src/native/session.ts';
import { answerFor, checkUpgrade, type Refused } from '../../src/native/upgrade.ts';
import type { Session } from '../../src/platform.ts';
import { deno } from './deno.ts';
import { ServedSocket } from './native-socket.ts';
import { platform } from './platform.ts';

export type { Refused } from '../../src/native/upgrade.ts';

/** How to answer an upgrade request. */
export interface UpgradeOptions extends CommonUpgradeOptions, OutputLimitOptions {
  /** Seconds between Deno's own Pings; a peer that does not answer is dropped. 0 for none. Default 30. */
  readonly idleTimeout?: number | undefined;
  /**
   * Milliseconds until the response must be on its way; 0 for any number. Default 30,000. Deno does not report a client that has left
   * by then, so the WebSocket would stay CONNECTING for ever.
   */
  readonly handshakeTimeout?: number | undefined;
}

const OWN_SERVER = 'listen with WebSocketServer, on a port or behind node:http';
const RULES: OptionRules = {
  names: ['idleTimeout', 'maxBufferedAmount', 'bufferPolicy'],
  advice: {
    heartbeat: 'Deno sends Pings by itself: see idleTimeout',
    perMessageDeflate: `Deno does not compress in Deno.serve: ${OWN_SERVER}`,
  },
};

const GATE: GateRules = {
  remoteAddress: 'pass info.remoteAddr.hostname, of the second argument of the handler',
  cannotPause: 'Deno reads on while a WebSocket of Deno.serve is paused',
};

/** Seconds. Deno's timer counts milliseconds up to 2³¹, and fires at once for more. */
const LONGEST_IDLE_TIMEOUT = 4_294_967;

/** A request that was accepted. */
export interface Upgraded<Socket> {
  /** The handler of Deno.serve must return it. */
  readonly response: Response;
  /** Still CONNECTING: it opens once the response is on its way. */
  readonly socket: Socket;
  /** The client's address, as `remoteAddress` and the gate's `trustProxy` tell it. Undefined without a gate. */
  readonly clientAddress: string | undefined;
}

/** The result of an upgrade, before there is a WebSocket class. */
export interface NativeUpgrade {
  readonly response: Response;
  readonly clientAddress: string | undefined;
  /** The request's URL, as that of a WebSocket. */
  readonly url: string;
  readonly protocol: string;
  /** Calls back once: with the session, or the error that took its place. */
  open(onOpen: (session: Session) => void, onFail: (error: Error) => void): void;
}

/** Answers `request`. @throws {TypeError} for an option without effect, or if Deno cannot upgrade it. */
export function upgradeNatively(request: Request, given?: UpgradeOptions | null): NativeUpgrade | Refused {
  const options = readUpgradeOptions(given, RULES);
  return throughGate(request, options, GATE, (entered) => upgradeEntered(request, options, entered));
}

function upgradeEntered(request: Request, options: UpgradeOptions, entered: Entered): NativeUpgrade | Refused {
  const check = checkUpgrade(request);
  if (!('accepted' in check)) return check;
  const { idleTimeout, maxPayload = 0, handshakeTimeout: openTimeout = DEFAULT_HANDSHAKE_TIMEOUT } = options;
  const { protocol, headers } = answerFor(check.protocols, request, options);
  const { socket, response } = deno.upgradeWebSocket<NativeSocket>(request, {
    ...(idleTimeout !== undefined && { idleTimeout: idleTimeout > LONGEST_IDLE_TIMEOUT ? 0 : idleTimeout }),
  });
  // Not by Deno's `protocol` option, which finds no name in a list without spaces (Deno 2.9).
  if (protocol !== '') headers.set('Sec-WebSocket-Protocol', protocol);
  for (const [name, value] of headers) response.headers.append(name, value);
  const { closeTimeout, maxBufferedAmount, bufferPolicy } = options;
  const settings = { role: 'server', platform, closeTimeout, openTimeout, maxBufferedAmount, bufferPolicy } as const;
  return {
    response,
    url: check.url,
    protocol,
    clientAddress: entered.clientAddress,
    open: (onOpen, onFail) =>
      NativeSession.open(
        new ServedSocket(socket),
        settings,
        (session) => onOpen(admitted(limitMessages(session, maxPayload), entered)),
        (error) => {
          entered.pass?.leave();
          onFail(error);
        },
      ),
  };
}
