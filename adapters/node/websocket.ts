// The ws-style WebSocket on Node.js.

import type { ClientRequest, ClientRequestArgs, IncomingMessage } from 'node:http';
import type { Duplex, DuplexOptions } from 'node:stream';
import { checkedProtocols, checkedVersion, withMasks } from '../../src/api/ws/client.ts';
import { expose } from '../../src/api/ws/expose.ts';
import { coreOf, type Opening } from '../../src/api/ws/core.ts';
import {
  compressionSettings,
  deflateSettings,
  sessionSettings,
  type ClientOptions as ClientSettings,
} from '../../src/api/ws/options.ts';
import { lendToSockets } from '../../src/api/ws/internals.ts';
import { Redirects } from '../../src/api/ws/redirect.ts';
import type { StandaloneServerOptions } from '../../src/api/ws/standalone.ts';
import type * as types from '../../src/api/ws/types.ts';
import { WebSocketBase } from '../../src/api/ws/websocket.ts';
import { PERMESSAGE_DEFLATE } from '../../src/deflate/parameters.ts';
import { parseAddress, type Target } from '../../src/api/address.ts';
import { startHandshake, type HandshakePlan, type OpenedHandshake, type RunningHandshake } from '../../src/nodejs/client.ts';
import { checkDeflateOptions } from '../../src/nodejs/compression.ts';
import { deflateEngine } from '../../src/nodejs/deflate-engine.ts';
import { checkDispatcher } from '../../src/nodejs/dispatcher.ts';
import type { PerMessageDeflate, Receiver, Sender } from '../../src/nodejs/lowlevel/index.ts';
import { platform } from '../../src/nodejs/platform.ts';
import type { WebSocketServer as Server_ } from './server.ts';
import { createSession } from '../../src/nodejs/session.ts';
import { nextTick } from '../../src/clock.ts';

/** Options that the handshake consumes; the rest goes to the HTTP request. */
const OWN_OPTIONS: ReadonlySet<string> = new Set([
  'headers',
  'origin',
  'protocolVersion',
  'handshakeTimeout',
  'followRedirects',
  'maxRedirects',
  'finishRequest',
  'signal',
  'timeout',
  'dispatcher',
]);

/** One client's way through its handshake and the redirects in it. */
class Opener implements Opening {
  readonly #ws: WebSocketBase;
  readonly #protocols: readonly string[];
  readonly #options: ClientSettings;
  readonly #redirects: Redirects<Target>;
  #handshake: RunningHandshake | null = null;

  constructor(ws: WebSocketBase, protocols: readonly string[], options: ClientSettings, target: Target) {
    this.#ws = ws;
    this.#protocols = protocols;
    this.#options = options;
    this.#redirects = new Redirects(target, options, (address) => targetOf(address, options));
  }

  get request(): unknown {
    return this.#handshake?.request;
  }

  abort(): void {
    this.#handshake?.abort();
  }

  connect(target: Target): void {
    const ws = this.#ws;
    coreOf(ws).url = target.href;
    this.#handshake = startHandshake(this.#plan(target), {
      onUpgrade: (response) => {
        ws.emit('upgrade', response);
        return ws.readyState === ws.CONNECTING;
      },
      onResponse: (request, response) => this.#redirect(target, response) || ws.emit('unexpected-response', request, response),
      onOpen: (socket, opened) => this.#open(socket, opened),
      onFail: (error) => coreOf(ws).fail(error),
    });
    const { request } = this.#handshake;
    if (this.#redirects.count > 0) ws.emit('redirect', target.href, request);
    const { finishRequest } = this.#options;
    if (finishRequest) finishRequest(request, ws);
    else request.end();
  }

  #plan(target: Target): HandshakePlan {
    const options = this.#options;
    const { headers, auth } = this.#redirects.fieldsFor(target, this.#ws.listenerCount('redirect') > 0);
    const request = Object.fromEntries(Object.entries(options).filter(([name]) => !OWN_OPTIONS.has(name)));
    const { origin, handshakeTimeout, dispatcher } = options;
    const version = checkedVersion(options);
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
      dispatcher,
    };
  }

  /** Follows a redirect, if it is one and may be followed. */
  #redirect(from: Target, response: IncomingMessage): boolean {
    const { statusCode = 0, headers } = response;
    const { location } = headers;
    if (!this.#redirects.follows(statusCode, location)) return false;
    this.#handshake!.abort();
    let target: Target;
    try {
      target = this.#redirects.next(from, location);
    } catch (error) {
      coreOf(this.#ws).fail(error as Error);
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
    const compression =
      agreement && deflate && compressionSettings(deflate, agreement, deflateEngine(deflate.engine), 'client');
    const extensions = agreement ? PERMESSAGE_DEFLATE : '';
    const settings = { role: 'client', compression, ...sessionSettings(this.#options) } as const;
    const session = createSession(socket, settings, withMasks(platform, generateMask));
    // Planned before the 'open' event, so that messages come before what a listener puts off.
    nextTick(() => coreOf(this.#ws).start(head));
    coreOf(this.#ws).open(this.#ws, session, { socket, protocol, extensions, allowSynchronousEvents });
  }
}

/** Where an address leads. @throws {SyntaxError} as {@link parseAddress} does, {TypeError} when the dispatcher cannot go there. */
function targetOf(address: string | URL, options: ClientSettings): Target {
  const target = parseAddress(address);
  checkDispatcher(options.dispatcher, { ...options }, target);
  return target;
}

function connect(ws: WebSocketBase, address: string | URL, protocols: readonly unknown[], options: ClientSettings): void {
  checkedVersion(options);
  checkDeflateOptions(deflateSettings(options.perMessageDeflate));
  const target = targetOf(address, options);
  coreOf(ws).url = target.href;
  const opener = new Opener(ws, checkedProtocols(protocols), options, target);
  coreOf(ws).opening = opener;
  opener.connect(target);
}

/** The WebSocket of ws 8 on Node.js; see {@link WebSocketBase}. */
export class WebSocket extends WebSocketBase {
  /** The class itself. */
  declare static WebSocket: typeof WebSocket;
  declare static WebSocketServer: typeof Server_;
  declare static Server: typeof Server_;
  declare static PerMessageDeflate: typeof PerMessageDeflate;
  declare static Receiver: typeof Receiver;
  declare static Sender: typeof Sender;
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
lendToSockets(WebSocket, (socket, options, generateMask) => createSession(socket, options, withMasks(platform, generateMask)));

/** The class by a name that the namespace below does not hide. */
interface Self extends WebSocket {}

/** The types that `WebSocket.Name` means, as in ws's own. */
export declare namespace WebSocket {
  /** What `import * as ws from 'ws'` names by `ws.WebSocket`. A program may augment it. */
  interface WebSocket extends Self {}
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
  > extends StandaloneServerOptions<Socket, Request> {}
  interface AddressInfo extends types.AddressInfo {}
  interface Server<
    Socket extends typeof WebSocket = typeof WebSocket,
    Request extends typeof IncomingMessage = typeof IncomingMessage,
  > extends Server_<Socket, Request> {}
  interface WebSocketServer extends Server {}
}
