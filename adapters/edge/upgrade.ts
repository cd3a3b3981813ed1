// Accepts a WebSocket by a WebSocketPair: https://developers.cloudflare.com/workers/runtime-apis/websockets/.

import { listContains } from '../../src/handshake/grammar.ts';
import { refuse } from '../../src/handshake/refusal.ts';
import { parseSubprotocols } from '../../src/handshake/subprotocols.ts';
import { admitted, throughGate, type Entered, type GateRules } from '../../src/native/gated.ts';
import { NativeSession } from '../../src/native/session.ts';
import { readUpgradeOptions, type CommonUpgradeOptions, type OptionRules } from '../../src/native/options.ts';
import { answerFor, INVALID_URL, refused, webSocketUrl, type Refused } from '../../src/native/upgrade.ts';
import type { Session } from '../../src/platform.ts';
import { PairSocket, type WorkerSocket } from './pair-socket.ts';
import { platform } from './platform.ts';

export { webSocketUrl, type Refused } from '../../src/native/upgrade.ts';

/** How to answer an upgrade request. The opening handshake is over when `upgrade` returns, so `handshakeTimeout` has no effect. */
export interface UpgradeOptions extends CommonUpgradeOptions {}

const UNKNOWN = 'the runtime does not tell how much waits for a peer';
const NO_PINGS = 'workers send no Pings: send messages of your own, and close where none comes back';
const RULES: OptionRules = {
  names: [],
  advice: {
    bufferPolicy: UNKNOWN,
    heartbeat: NO_PINGS,
    idleTimeout: NO_PINGS,
    maxBufferedAmount: UNKNOWN,
    perMessageDeflate: 'the runtime negotiates compression by itself',
  },
};

const GATE: GateRules = {
  remoteAddress: 'pass request.headers.get("CF-Connecting-IP")',
  cannotPause: 'a worker reads on while a WebSocket is paused',
};

/** The result of an upgrade. */
export interface AcceptedUpgrade {
  readonly clientAddress: string | undefined;
  readonly response: Response;
  /** The request's URL, as that of a WebSocket. */
  readonly url: string;
  /** The subprotocol in use; empty for none. */
  readonly protocol: string;
  /** Not attached and not started. */
  readonly session: Session;
}

/** The half for the response, and the half that stays. */
type PairConstructor = new () => Record<'0', object> & Record<'1', WorkerSocket>;

/**
 * Accepts the WebSocket of `request`. The runtime hides Connection and Sec-WebSocket-Key, and checks them itself.
 *
 * @throws {TypeError} as `upgrade` does.
 */
export function acceptUpgrade(request: Request, given?: UpgradeOptions | null): AcceptedUpgrade | Refused {
  const options = readUpgradeOptions(given, RULES);
  const { WebSocketPair } = globalThis as { WebSocketPair?: PairConstructor };
  if (WebSocketPair === undefined) {
    throw new TypeError(
      'This runtime has no WebSocketPair, so it cannot accept a WebSocket: run the handler on Cloudflare Workers',
    );
  }
  return throughGate(request, options, GATE, (entered) => acceptEntered(request, options, entered, WebSocketPair));
}

function acceptEntered(
  request: Request,
  options: UpgradeOptions,
  entered: Entered,
  WebSocketPair: PairConstructor,
): AcceptedUpgrade | Refused {
  if (request.method !== 'GET') return refused(refuse(405, 'Invalid HTTP method'));
  if (!listContains(request.headers.get('upgrade') ?? '', 'websocket')) return refused(refuse(400, 'Invalid Upgrade header'));
  const url = webSocketUrl(request);
  if (url === undefined) return refused(INVALID_URL);
  const { protocol, headers } = answerFor(offeredProtocols(request), request, options);
  if (protocol !== '') headers.set('Sec-WebSocket-Protocol', protocol);
  const pair = new WebSocketPair();
  const socket = new PairSocket(pair[1], options.maxPayload ?? 0);
  const init = { status: 101, headers, webSocket: pair[0] };
  return {
    response: new Response(null, init),
    url,
    protocol,
    clientAddress: entered.clientAddress,
    session: admitted(new NativeSession(socket, { role: 'server', platform, closeTimeout: options.closeTimeout }), entered),
  };
}

/** A malformed list is not an offer. */
function offeredProtocols(request: Request): readonly string[] {
  const field = request.headers.get('sec-websocket-protocol');
  try {
    return field === null ? [] : parseSubprotocols(field);
  } catch {
    return [];
  }
}
