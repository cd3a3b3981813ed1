// Accepting a WebSocket in the HTTP server of a runtime: checks the request before the runtime takes over, RFC 6455 section 4.2.
// Globals of the Fetch standard are used here: every runtime that has such a server has them.

import { refuse, type Refusal } from '../handshake/refusal.ts';
import { checkRequest, type AcceptableRequest } from '../handshake/server.ts';

/** How a subprotocol is picked, if the client offers any. */
export interface ProtocolChoice<Message = Request> {
  /** The one that is spoken here: taken when it is offered. Goes before `handleProtocols`. */
  readonly protocol?: string | undefined;
  /** Picks one, the client's preferred one first; '', false or undefined for none. Default: the first. */
  readonly handleProtocols?: ((offered: Set<string>, request: Message) => string | false | undefined) | undefined;
}

/** A request that gets no WebSocket. */
export interface Refused {
  /** Says why. Return it from the fetch handler. */
  readonly response: Response;
  readonly socket: null;
}

/** A request that the runtime may be told to upgrade. */
export interface UpgradableRequest extends AcceptableRequest {
  /** The request's URL, as that of a WebSocket. */
  readonly url: string;
}

/**
 * The request, or the answer that it gets instead of a WebSocket. Runtimes speak version 13 only.
 *
 * Everything is checked here, before the runtime upgrades: Deno ends its listener when a handler throws after that.
 */
export function checkUpgrade(request: Request): UpgradableRequest | Refused {
  const check = checkRequest({
    method: request.method,
    // These servers have no version to tell. HTTP/2 asks with CONNECT, which is refused by its method.
    httpVersion: '1.1',
    headers: (name) => request.headers.get(name),
  });
  if (!check.accepted) return refused(check);
  if (check.version !== 13) {
    return refused(refuse(400, 'Missing or invalid Sec-WebSocket-Version header', { 'Sec-WebSocket-Version': '13' }));
  }
  const url = webSocketUrl(request);
  return url === undefined ? refused(INVALID_URL) : { ...check, url };
}

/** The answer to a Host field or a target that no URL can be made of. */
export const INVALID_URL: Refusal = refuse(400, 'Invalid Host header or request target');

/**
 * The URL that `request` asks for, with the scheme of WebSockets and without a fragment, which runtimes let pass.
 *
 * @returns undefined when it has none. Runtimes put Host field and target together without a look: `Host: [` is enough.
 */
export function webSocketUrl({ url }: Pick<Request, 'url'>): string | undefined {
  // Servers of Deno on Unix domain sockets say `http+unix`.
  const text = url.replace(/^http(s?)(?:\+unix)?:/, 'ws$1:');
  if (!/^wss?:/.test(text) || !URL.canParse(text)) return undefined;
  const parsed = new URL(text);
  parsed.hash = '';
  return parsed.href;
}

/** A refusal as a response. */
export function refused({ status, reason, headers }: Refusal): Refused {
  const response = new Response(`${reason}\n`, { status, headers: { ...headers, 'Content-Type': 'text/plain' } });
  return { response, socket: null };
}

/** The subprotocol to use; empty for none. @throws {TypeError} when `handleProtocols` picks one that was not offered. */
export function selectProtocol<Message>(offered: readonly string[], request: Message, choice: ProtocolChoice<Message>): string {
  const { protocol, handleProtocols } = choice;
  if (offered.length === 0) return '';
  if (protocol !== undefined) return offered.includes(protocol) ? protocol : '';
  const selected: unknown = (handleProtocols ? handleProtocols(new Set(offered), request) : offered[0]) || '';
  if (typeof selected === 'object') {
    // A rejection must not be an unhandled one beside the error.
    Promise.resolve(selected).catch(() => {});
    throw new TypeError('handleProtocols must not return a promise: await it before you call upgrade()');
  }
  if (selected === '' || offered.includes(selected as string)) return selected as string;
  throw new TypeError(`handleProtocols picked ${JSON.stringify(selected)}, which the client did not offer`);
}

/** Fields that the handshake itself sets, or that go with a body. */
const RESERVED = [
  'connection',
  'content-length',
  'sec-websocket-accept',
  'sec-websocket-extensions',
  'transfer-encoding',
  'upgrade',
];

/** The subprotocol of the 101 response, and its other fields. */
export interface Answer {
  /** Empty for none. */
  readonly protocol: string;
  readonly headers: Headers;
}

/**
 * Makes the answer to a request that offers the subprotocols `offered`.
 *
 * @throws {TypeError} when `headers` are invalid, or `handleProtocols` picks a subprotocol that was not offered.
 */
export function answerFor<Message>(
  offered: readonly string[],
  request: Message,
  options: ProtocolChoice<Message> & { readonly headers?: ConstructorParameters<typeof Headers>[0] },
): Answer {
  const headers = new Headers(options.headers);
  const reserved = RESERVED.find((name) => headers.has(name));
  if (reserved !== undefined) throw new TypeError(`headers: ${reserved} is reserved for the handshake`);
  const named = headers.get('sec-websocket-protocol');
  if (named === null) return { protocol: selectProtocol(offered, request, options), headers };
  if (options.protocol !== undefined || options.handleProtocols !== undefined) {
    throw new TypeError('headers: Sec-WebSocket-Protocol excludes the options "protocol" and "handleProtocols"');
  }
  headers.delete('sec-websocket-protocol');
  return { protocol: selectProtocol(offered, request, { protocol: named }), headers };
}
