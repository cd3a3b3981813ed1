// The ws-style WebSocket on Node.js.

import { Buffer } from 'node:buffer';
import type { ClientRequest, ClientRequestArgs, IncomingMessage } from 'node:http';
import type { Duplex, DuplexOptions } from 'node:stream';
import { expose } from '../../src/api/ws/expose.ts';
import { internals, type Opening } from '../../src/api/ws/internals.ts';
import {
  compressionSettings,
  deflateSettings,
  sessionSettings,
  type ClientOptions as ClientSettings,
  type ServerOptions as ServerSettings,
} from '../../src/api/ws/options.ts';
import type * as types from '../../src/api/ws/types.ts';
import { WebSocketBase } from '../../src/api/ws/websocket.ts';
import { PERMESSAGE_DEFLATE } from '../../src/deflate/parameters.ts';
import { areValidSubprotocols } from '../../src/handshake/subprotocols.ts';
import type { Platform } from '../../src/platform.ts';
import { parseAddress, type Target } from '../../src/api/address.ts';
import { startHandshake, type HandshakePlan, type OpenedHandshake, type RunningHandshake } from '../../src/nodejs/client.ts';
import { checkZlibOptions, deflateEngine } from '../../src/nodejs/compression.ts';
import { platform } from '../../src/nodejs/platform.ts';
import type { WebSocketServer as Server_ } from './server.ts';
import { createSession } from '../../src/nodejs/session.ts';

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
  'timeout',
]);

/** One client's way through its handshake and the redirects in it. */
class Opener implements Opening {
  readonly #ws: WebSocketBase;
  readonly #protocols: readonly string[];
  readonly #options: ClientSettings;
  readonly #origin: Target;
  #handshake: RunningHandshake | null = null;
  #redirects = 0;
  #headers: Record<string, unknown>;

  constructor(ws: WebSocketBase, protocols: readonly string[], options: ClientSettings, target: Target) {
    this.#ws = ws;
    this.#protocols = protocols;
    this.#options = options;
    this.#origin = target;
    this.#headers = { ...options.headers };
  }

  abort(): void {
    this.#handshake?.abort();
  }

  connect(target: Target): void {
    const ws = this.#ws;
    internals.setUrl(ws, target.href);
    this.#handshake = startHandshake(this.#plan(target), {
      onUpgrade: (response) => {
        ws.emit('upgrade', response);
        return ws.readyState === ws.CONNECTING;
      },
      onResponse: (request, response) => this.#redirect(target, response) || ws.emit('unexpected-response', request, response),
      onOpen: (socket, opened) => this.#open(socket, opened),
      onFail: (error) => internals.fail(ws, error),
    });
    const { request } = this.#handshake;
    if (this.#redirects > 0) ws.emit('redirect', target.href, request);
    const { finishRequest } = this.#options;
    if (finishRequest) finishRequest(request, ws);
    else request.end();
  }

  #plan(target: Target): HandshakePlan {
    const options = this.#options;
    let headers = { ...this.#headers };
    let auth = target.auth ?? (options as { auth?: string }).auth;
    if (this.#redirects > 0 && this.#ws.listenerCount('redirect') === 0) {
      // As curl does; what a new address says about credentials does not count either.
      const isSameHost =
        target.authority === this.#origin.authority &&
        (target.socketPath === undefined) === (this.#origin.socketPath === undefined);
      if (!isSameHost) delete headers['host'];
      if (!isSameHost || (this.#origin.isSecure && !target.isSecure)) {
        const { authorization: _authorization, cookie: _cookie, ...others } = headers;
        headers = others;
        auth = undefined;
      }
    }
    if (options.followRedirects) this.#remember(auth);
    const request = Object.fromEntries(Object.entries(options).filter(([name]) => !OWN_OPTIONS.has(name)));
    const { origin, handshakeTimeout, protocolVersion = 13 } = options;
    const version = protocolVersion as 8 | 13;
    const deflate = this.#deflate;
    return {
      target,
      protocols: this.#protocols,
      version,
      origin,
      deflate,
      headers,
      handshakeTimeout,
      request: { ...request, auth },
    };
  }

  /** Makes the headers those of the requests after a redirect: with names in lower case, and the first credentials. */
  #remember(auth: string | undefined): void {
    this.#headers = Object.fromEntries(Object.entries(this.#headers).map(([name, value]) => [name.toLowerCase(), value]));
    if (auth) this.#headers['authorization'] ??= `Basic ${Buffer.from(auth).toString('base64')}`;
  }

  /** Follows a redirect, if it is one and may be followed. */
  #redirect(from: Target, response: IncomingMessage): boolean {
    const { statusCode = 0, headers } = response;
    const { followRedirects, maxRedirects = DEFAULT_MAXIMUM_REDIRECTS } = this.#options;
    if (!followRedirects || statusCode < 300 || statusCode >= 400 || !headers.location) return false;
    this.#handshake!.abort();
    if (++this.#redirects > maxRedirects) {
      internals.fail(this.#ws, new Error('Maximum redirects exceeded'));
      return true;
    }
    let target: Target;
    try {
      target = parseAddress(
        URL.canParse(headers.location, from.href) ? new URL(headers.location, from.href) : headers.location,
      );
    } catch (error) {
      internals.fail(this.#ws, error as SyntaxError);
      return true;
    }
    this.connect(target);
    return true;
  }

  get #deflate(): types.PerMessageDeflateOptions | undefined {
    return deflateSettings(this.#options.perMessageDeflate ?? true);
  }

  #open(socket: Duplex, { protocol, agreement, head }: OpenedHandshake): void {
    const { allowSynchronousEvents, generateMask } = this.#options;
    const deflate = this.#deflate;
    const compression = agreement && deflate && compressionSettings(deflate, agreement, deflateEngine());
    const extensions = agreement ? PERMESSAGE_DEFLATE : '';
    const lent = generateMask === undefined ? platform : withMasks(generateMask);
    const session = createSession(socket, { role: 'client', compression, ...sessionSettings(this.#options) }, lent);
    // Planned before the 'open' event, so that messages come before what a listener puts off.
    process.nextTick(() => internals.start(this.#ws, head));
    internals.open(this.#ws, session, { socket, protocol, extensions, allowSynchronousEvents });
  }
}

/** The platform, with masking keys made by a program. */
function withMasks(generateMask: (mask: Buffer) => void): Platform {
  const mask = Buffer.alloc(4);
  return {
    ...platform,
    maskingKey() {
      generateMask(mask);
      return mask.readInt32LE();
    },
  };
}

function connect(ws: WebSocketBase, address: string | URL, protocols: readonly unknown[], options: ClientSettings): void {
  const { protocolVersion = 13 } = options;
  if (protocolVersion !== 8 && protocolVersion !== 13) {
    throw new RangeError(`Unsupported protocol version: ${protocolVersion} (supported versions: 8, 13)`);
  }
  checkZlibOptions(deflateSettings(options.perMessageDeflate));
  const target = parseAddress(address);
  internals.setUrl(ws, target.href);
  const names = protocols as readonly string[];
  if (!areValidSubprotocols(names)) throw new SyntaxError('An invalid or duplicated subprotocol was specified');
  const opener = new Opener(ws, names, options, target);
  internals.setOpening(ws, opener);
  opener.connect(target);
}

/** The WebSocket of ws 8 on Node.js; see {@link WebSocketBase}. */
export class WebSocket extends WebSocketBase {
  /** The class itself. */
  declare static WebSocket: typeof WebSocket;
  declare static WebSocketServer: typeof Server_;
  declare static Server: typeof Server_;
  declare static createWebSocketStream: (ws: WebSocketBase, options?: DuplexOptions) => Duplex;

  /** Makes the server-side object that `handleUpgrade` fills. */
  constructor(address: null);
  /**
   * Opens a connection.
   *
   * @param address `ws:`, `wss:`, `http:`, `https:` or `ws+unix:` URL.
   * @throws {SyntaxError} on an invalid URL or subprotocol.
   */
  constructor(address: string | URL, options?: ClientSettings | ClientRequestArgs);
  /** @param protocols Subprotocols to offer, best first. */
  constructor(address: string | URL, protocols?: string | string[], options?: ClientSettings | ClientRequestArgs);
  constructor(
    address: string | URL | null,
    protocols?: string | string[] | ClientSettings | ClientRequestArgs,
    options?: ClientSettings | ClientRequestArgs,
  ) {
    super(connect, address, protocols as string[] | ClientSettings, options as ClientSettings);
  }
}
expose(WebSocket);

/** The types that `WebSocket.Name` means, as in ws's own. */
export declare namespace WebSocket {
  type RawData = types.RawData;
  type Data = types.Data;
  type CertMeta = types.CertMeta;
  type VerifyClientCallbackSync<Request extends IncomingMessage = IncomingMessage> = types.VerifyClientCallbackSync<Request>;
  type VerifyClientCallbackAsync<Request extends IncomingMessage = IncomingMessage> = types.VerifyClientCallbackAsync<Request>;
  type FinishRequestCallback = (request: ClientRequest, websocket: WebSocket) => void;
  interface ClientOptions extends ClientSettings {}
  interface PerMessageDeflateOptions extends types.PerMessageDeflateOptions {}
  interface Event extends types.Event {}
  interface ErrorEvent extends types.ErrorEvent {}
  interface CloseEvent extends types.CloseEvent {}
  interface MessageEvent extends types.MessageEvent {}
  interface WebSocketEventMap extends types.WebSocketEventMap {}
  interface EventListenerOptions extends types.EventListenerOptions {}
  interface ServerOptions<
    Socket extends typeof WebSocket = typeof WebSocket,
    Request extends typeof IncomingMessage = typeof IncomingMessage,
  > extends ServerSettings<Socket, Request> {}
  interface AddressInfo extends types.AddressInfo {}
  interface Server<
    Socket extends typeof WebSocket = typeof WebSocket,
    Request extends typeof IncomingMessage = typeof IncomingMessage,
  > extends Server_<Socket, Request> {}
  interface WebSocketServer extends Server {}
}
