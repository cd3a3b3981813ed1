// The WebSocket of Deno.serve: an upgrade request answered by Deno.upgradeWebSocket, and its socket as a session.
// RFC 6455 section 4.2 decides what is refused.

import { checkRequest, type AcceptableRequest } from '../../src/handshake/server.ts';
import { refuse, type Refusal } from '../../src/handshake/refusal.ts';
import { NativeSession, type NativeSocket } from '../../src/native/session.ts';
import type { Session } from '../../src/platform.ts';
import { deno } from './deno.ts';
import { platform } from './platform.ts';

/** How to answer an upgrade request. */
export interface UpgradeOptions {
  /** The subprotocol to use, if the client offers it. Goes before `handleProtocols`. */
  readonly protocol?: string | undefined;
  /** Picks one of the subprotocols that the client offers; false or '' for none. Default: the first. */
  readonly handleProtocols?: ((protocols: Set<string>, request: Request) => string | false) | undefined;
  /** Seconds between Deno's own Pings; a peer that does not answer is dropped. 0 for none. Default 30. */
  readonly idleTimeout?: number | undefined;
  /** Milliseconds that the closing handshake may take. Default 30,000. */
  readonly closeTimeout?: number | undefined;
}

/** A request that was accepted. */
export interface Upgraded<Socket> {
  /** The handler of Deno.serve must return it. */
  readonly response: Response;
  /** Still CONNECTING: it opens once the response is on its way. */
  readonly socket: Socket;
}

/** A request that asks for no WebSocket, or not as it must. */
export interface Refused {
  /** Says why: status 400 or 405. */
  readonly response: Response;
  readonly socket: null;
}

/** What an upgrade comes to, before there is a WebSocket class. */
export interface NativeUpgrade {
  readonly response: Response;
  readonly protocol: string;
  /** Calls back once: with the session, or the error that took its place. */
  open(onOpen: (session: Session) => void, onFail: (error: Error) => void): void;
}

/** Answers `request`. @throws {TypeError} when `handleProtocols` picks what the client did not offer, or Deno cannot upgrade it. */
export function upgradeNatively(request: Request, options: UpgradeOptions): NativeUpgrade | Refused {
  const check = checkRequest({
    method: request.method,
    // Deno.serve has no version to tell. HTTP/2 asks with CONNECT, which is refused by its method.
    httpVersion: '1.1',
    headers: (name) => request.headers.get(name),
  });
  if (!check.accepted) return answer(check);
  if (check.version !== 13) {
    return answer(refuse(400, 'Missing or invalid Sec-WebSocket-Version header', { 'Sec-WebSocket-Version': '13' }));
  }
  const { idleTimeout, closeTimeout } = options;
  const protocol = selectProtocol(check, request, options);
  const { socket, response } = deno.upgradeWebSocket<NativeSocket>(request, {
    ...(idleTimeout !== undefined && { idleTimeout }),
  });
  // Not by Deno's `protocol` option, which finds no name in a list without spaces (Deno 2.9).
  if (protocol !== '') response.headers.set('Sec-WebSocket-Protocol', protocol);
  return {
    response,
    protocol,
    open: (onOpen, onFail) => NativeSession.open(socket, { role: 'server', platform, closeTimeout }, onOpen, onFail),
  };
}

function selectProtocol({ protocols }: AcceptableRequest, request: Request, options: UpgradeOptions): string {
  const { protocol, handleProtocols } = options;
  if (protocols.length === 0) return '';
  if (protocol !== undefined) return protocols.includes(protocol) ? protocol : '';
  const selected = (handleProtocols ? handleProtocols(new Set(protocols), request) : protocols[0]) || '';
  if (selected === '' || protocols.includes(selected)) return selected;
  throw new TypeError(`handleProtocols picked ${JSON.stringify(selected)}, which the client did not offer`);
}

function answer({ status, reason, headers }: Refusal): Refused {
  const response = new Response(`${reason}\n`, { status, headers: { ...headers, 'Content-Type': 'text/plain' } });
  return { response, socket: null };
}
