// Accepts a W3C WebSocket on an HTTP server of Node.js. Refuses requests by RFC 6455 section 4.2.

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Pass } from '../../src/admission/gate-core.ts';
import type { Gate } from '../../src/admission/gate.ts';
import { serverMeter } from '../../src/admission/meters.ts';
import { answerAndDestroy } from '../../src/api/ws/end-socket.ts';
import { warnOfHook } from '../../src/api/ws/hooks.ts';
import { compressionSettings, deflateSettings, sessionSettings, type ConnectionSettings } from '../../src/api/ws/options.ts';
import type { RefusalReason } from '../../src/base/meter.ts';
import { checkObject, ownOptions, type BorrowMode } from '../../src/base/options.ts';
import { answerDeflate } from '../../src/deflate/parameters.ts';
import { formatExtensions } from '../../src/handshake/extensions.ts';
import { formatHead } from '../../src/handshake/headers.ts';
import { refusalHead, type Refusal } from '../../src/handshake/refusal.ts';
import { acceptanceHead, checkRequest } from '../../src/handshake/server.ts';
import { gateCoreOf, giveBack } from '../../src/native/gated.ts';
import { readUpgradeOptions, type CommonUpgradeOptions, type OptionRules } from '../../src/native/options.ts';
import { answerFor, INVALID_URL, webSocketUrl, type Answer, type ProtocolChoice } from '../../src/native/upgrade.ts';
import { checkDeflateOptions } from '../../src/deflate/settings.ts';
import { deflateEngine } from '../../src/nodejs/deflate-engine.ts';
import { createSession } from '../../src/nodejs/session.ts';
import type { Session } from '../../src/platform.ts';

/** How to answer an upgrade request: the options of a connection of `WebSocketServer`, and the options that `upgrade` has on every runtime. */
export interface UpgradeOptions
  extends
    Omit<ConnectionSettings, 'allowSynchronousEvents'>,
    Pick<CommonUpgradeOptions, 'headers' | 'gate' | 'remoteAddress'>,
    ProtocolChoice<IncomingMessage> {}

const RULES: OptionRules = {
  names: [
    'autoPong',
    'borrowMessages',
    'bufferPolicy',
    'heartbeat',
    'maxBufferedAmount',
    'maxBufferedChunks',
    'maxFragments',
    'perMessageDeflate',
    'skipUTF8Validation',
  ],
  advice: {
    allowSynchronousEvents: 'events of a W3C WebSocket come one after the other anyhow',
    idleTimeout: 'use heartbeat',
  },
};

/** The result of an upgrade, before there is a WebSocket object. */
export interface AcceptedUpgrade {
  /** The request's URL, as that of a WebSocket. */
  readonly url: string;
  readonly protocol: string;
  /** As in Sec-WebSocket-Extensions. */
  readonly extensions: string;
  /** Not attached and not started. */
  readonly session: Session;
  readonly borrowMessages: BorrowMode | undefined;
}

type Answerable = Pick<Refusal, 'status' | 'reason' | 'headers'>;

const FAILED: Answerable = { status: 500, reason: 'Internal Server Error', headers: {} };

/** Sockets that carry a WebSocket already. */
const taken = new WeakSet<object>();

/** Until there is a session. One function for all: it is removed by its identity. */
function destroyFailed(this: Duplex): void {
  this.destroy();
}

/**
 * Answers `request` on its socket: with 101, or with a refusal that says why. When `handleProtocols` fails, or picks a subprotocol that was not offered, the
 * client gets a 500, and the program a warning.
 *
 * @returns null when it was refused, or the client has left.
 * @throws {TypeError} for an option of no use; the client gets a 500.
 * @throws {Error} when the socket carries a WebSocket already.
 */
export function acceptUpgrade(request: IncomingMessage, socket: Duplex, given?: UpgradeOptions | null): AcceptedUpgrade | null {
  if (taken.has(socket)) throw new Error('The socket of this request already belongs to a WebSocket');
  socket.on('error', destroyFailed);
  const { gate, remoteAddress } = ownOptions(given);
  if (gate === undefined) return acceptEntered(request, socket, given, undefined);
  const handshake = { server: gate, request, socket };
  let accepted: AcceptedUpgrade | null = null;
  const run = (): void => {
    const pass = enterGate(gate, remoteAddress, handshake);
    if ('accepted' in pass) return void answerRefusal(socket, pass);
    try {
      accepted = acceptEntered(request, socket, given, pass);
    } finally {
      // Does nothing for a connection.
      pass.leave();
    }
  };
  const { observer } = serverMeter.watch;
  if (observer === null) run();
  else observer.begin(handshake, run);
  return accepted;
}

interface Entering {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
}

/** Admits the request, or returns the refusal, before all other checks. @throws {TypeError} for a value that is no gate. */
function enterGate(gate: Gate, remoteAddress: string | undefined, handshake: Entering): Pass | Refusal {
  const { request, socket } = handshake;
  try {
    const core = gateCoreOf(gate);
    const peer = remoteAddress ?? (socket as { readonly remoteAddress?: string }).remoteAddress;
    return core.enter(
      core.addressOf(peer, (name) => request.headers[name]?.toString()),
      handshake,
    );
  } catch (error) {
    answerRefusal(socket, FAILED);
    throw error;
  }
}

function acceptEntered(
  request: IncomingMessage,
  socket: Duplex,
  given: UpgradeOptions | null | undefined,
  pass: Pass | undefined,
): AcceptedUpgrade | null {
  const refuse = (reason: RefusalReason, refusal: Answerable): null => {
    giveBack(pass, reason);
    return answerRefusal(socket, refusal);
  };
  const check = checkRequest(request);
  if (!check.accepted) return refuse('request', check);
  const url = urlOf(request, socket);
  if (url === undefined) return refuse('request', INVALID_URL);
  if (!socket.readable || !socket.writable) {
    socket.destroy();
    return null;
  }
  let options: UpgradeOptions;
  let deflate: ReturnType<typeof deflateSettings>;
  let answer: Answer;
  try {
    options = readUpgradeOptions(given, RULES);
    const { perMessageDeflate } = options;
    if (typeof perMessageDeflate !== 'boolean' && perMessageDeflate !== undefined) {
      checkObject('perMessageDeflate', perMessageDeflate, 'a boolean or an object');
    }
    deflate = deflateSettings(perMessageDeflate);
    checkDeflateOptions(deflate);
    // Without an offer the hook is not asked.
    answer = answerFor([], request, options);
  } catch (error) {
    refuse('hook', FAILED);
    throw error;
  }
  try {
    if (check.protocols.length > 0) answer = answerFor(check.protocols, request, options);
  } catch (error) {
    // It depends on the offer of the peer, and Node.js ends the process when an 'upgrade' listener throws.
    warnOfHook('upgrade()', error);
    return refuse('hook', FAILED);
  }
  const agreed = deflate && answerDeflate(check.extensions, deflate);
  const extensions = agreed ? formatExtensions([agreed.element]) : '';
  const { protocol } = answer;
  const headers = [...answer.headers].map(([name, value]) => `${name}: ${value}`);
  taken.add(socket);
  socket.write(formatHead(acceptanceHead({ key: check.key, protocol, extensions, headers })), 'latin1');
  const compression = agreed && deflate && compressionSettings(deflate, agreed.agreement, deflateEngine(deflate), 'server');
  const session = createSession(socket, sessionSettings(options, 'server', compression));
  socket.removeListener('error', destroyFailed);
  pass?.admit(session);
  return { url, protocol, extensions, session, borrowMessages: options.borrowMessages };
}

/** @returns undefined where Host field and target make no URL. */
function urlOf({ url: target = '', headers }: IncomingMessage, socket: Duplex): string | undefined {
  const scheme = (socket as { readonly encrypted?: boolean }).encrypted === true ? 'https' : 'http';
  return webSocketUrl({ url: target.startsWith('/') ? `${scheme}://${headers.host}${target}` : target });
}

function answerRefusal(socket: Duplex, { status, reason, headers }: Answerable): null {
  answerAndDestroy(
    socket,
    refusalHead({ status, reason: `${reason}\n`, headers: { ...headers, 'Content-Type': 'text/plain' } }),
  );
  return null;
}
