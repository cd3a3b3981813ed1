// The ws-style WebSocket on Node.js.

import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ClientOptions } from '../../src/api/ws/options.ts';
import { sessionSettings } from '../../src/api/ws/options.ts';
import { WebSocketBase, type Opening } from '../../src/api/ws/websocket.ts';
import { areValidSubprotocols } from '../../src/handshake/subprotocols.ts';
import { parseAddress, type Target } from './address.ts';
import { startHandshake, type HandshakePlan } from './client.ts';
import { createSession } from './session.ts';

const DEFAULT_MAXIMUM_REDIRECTS = 10;
/** Options that the handshake consumes; the rest goes to the HTTP request. */
const OWN_OPTIONS: ReadonlySet<string> = new Set([
  'headers',
  'origin',
  'protocolVersion',
  'handshakeTimeout',
  'followRedirects',
  'maxRedirects',
  'finishRequest',
]);
/** Header fields that must not follow a redirect to somebody else. */
const CREDENTIALS: ReadonlySet<string> = new Set(['authorization', 'cookie', 'host']);

/** One client's way through its handshake and the redirects in it. */
class Opener implements Opening {
  readonly #ws: WebSocket;
  readonly #protocols: readonly string[];
  readonly #options: ClientOptions;
  #abort: () => void = () => {};
  #redirects = 0;
  #headers: Record<string, unknown>;
  #auth: unknown;

  constructor(ws: WebSocket, protocols: readonly string[], options: ClientOptions) {
    this.#ws = ws;
    this.#protocols = protocols;
    this.#options = options;
    this.#headers = { ...options.headers };
    this.#auth = options['auth'];
  }

  abort(): void {
    this.#abort();
  }

  connect(target: Target): void {
    this.#ws.setUrl(target.href);
    const ws = this.#ws;
    const handshake = startHandshake(this.#plan(target), {
      onUpgrade: (response) => {
        ws.emit('upgrade', response);
        return ws.readyState === ws.CONNECTING;
      },
      onResponse: (request, response) => this.#redirect(target, request, response) || ws.emit('unexpected-response', request, response),
      onOpen: (socket, protocol, head) => this.#open(socket, protocol, head),
      onFail: (error) => ws.fail(error),
    });
    this.#abort = () => handshake.abort();
    if (this.#redirects > 0) ws.emit('redirect', target.href, handshake.request);
    const { finishRequest } = this.#options;
    if (typeof finishRequest === 'function') finishRequest(handshake.request, ws);
    else handshake.request.end();
  }

  #plan(target: Target): HandshakePlan {
    const options = this.#options;
    return {
      target,
      protocols: this.#protocols,
      version: (options.protocolVersion ?? 13) as 8 | 13,
      origin: options.origin,
      headers: this.#headers,
      handshakeTimeout: options.handshakeTimeout,
      request: { ...Object.fromEntries(Object.entries(options).filter(([name]) => !OWN_OPTIONS.has(name))), auth: this.#auth },
    };
  }

  /** Follows a redirect, if it is one and may be followed. */
  #redirect(from: Target, request: ClientRequest, response: IncomingMessage): boolean {
    const { statusCode = 0, headers } = response;
    const { followRedirects = false, maxRedirects = DEFAULT_MAXIMUM_REDIRECTS } = this.#options;
    if (!followRedirects || statusCode < 300 || statusCode >= 400 || headers.location === undefined) return false;
    request.on('error', () => {});
    request.destroy();
    if (++this.#redirects > maxRedirects) {
      this.#ws.fail(new Error('Maximum redirects exceeded'));
      return true;
    }
    try {
      const to = parseAddress(new URL(headers.location, from.href));
      const isSameHost = to.socketPath === from.socketPath && (to.socketPath !== undefined || sameAuthority(to, from));
      if (this.#ws.listenerCount('redirect') === 0 && (!isSameHost || (from.isSecure && !to.isSecure))) this.#dropCredentials();
      this.connect(to);
    } catch (error) {
      this.#ws.fail(error instanceof SyntaxError ? error : new SyntaxError(`Invalid URL: ${headers.location}`));
    }
    return true;
  }

  #dropCredentials(): void {
    this.#headers = Object.fromEntries(Object.entries(this.#headers).filter(([name]) => !CREDENTIALS.has(name.toLowerCase())));
    this.#auth = undefined;
  }

  #open(socket: Duplex, protocol: string, head: Uint8Array): void {
    const session = createSession(socket, { role: 'client', ...sessionSettings(this.#options) });
    this.#ws.adopt(session, protocol, '');
    session.start(head);
  }
}

function sameAuthority(one: Target, other: Target): boolean {
  return one.host === other.host && one.port === other.port;
}

/** The WebSocket of ws 8 on Node.js; see {@link WebSocketBase}. */
export class WebSocket extends WebSocketBase {
  /** @internal */
  protected override openHandshake(address: string | URL, protocols: readonly string[], options: ClientOptions): Opening {
    const { protocolVersion = 13 } = options;
    if (protocolVersion !== 8 && protocolVersion !== 13) {
      throw new RangeError(`Unsupported protocol version: ${protocolVersion} (supported versions: 8, 13)`);
    }
    const target = parseAddress(address);
    if (!areValidSubprotocols(protocols)) throw new SyntaxError('An invalid or duplicated subprotocol was specified');
    const opener = new Opener(this, protocols, options);
    opener.connect(target);
    return opener;
  }
}
