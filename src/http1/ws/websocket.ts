// The ws-style WebSocket over raw sockets, apart from its runtime. An adapter derives its class from this one.

import type { Duplex, DuplexOptions } from 'node:stream';
import { parseAddress, type Target } from '../../api/address.ts';
import { checkedProtocols, checkedVersion, withMasks } from '../../api/ws/client.ts';
import { coreOf, type Opening } from '../../api/ws/core.ts';
import { compressionSettings, deflateSettings, sessionSettings, type ClientOptions } from '../../api/ws/options.ts';
import { Redirects } from '../../api/ws/redirect.ts';
import type { PerMessageDeflateOptions } from '../../api/ws/types.ts';
import { WebSocketBase } from '../../api/ws/websocket.ts';
import { PERMESSAGE_DEFLATE } from '../../deflate/parameters.ts';
import type { HeaderValues } from '../../handshake/headers.ts';
import type { ResponseHead } from '../../handshake/http-head.ts';
import type { ByteStream } from '../network.ts';
import { startOpening, withCredentials, type Opened, type OpeningPlan, type RunningOpening } from '../opening.ts';
import type { ResponseBody } from '../response-body.ts';
import { readClientTls } from '../tls.ts';
import { HttpMessage } from './message.ts';
import { HttpRequest } from './request.ts';
import type { StreamRuntime } from './runtime.ts';
import { StreamSocket } from './socket.ts';
import { nextTick } from '../../clock.ts';

/** Options of ws, node:http and node:tls that ask for what raw sockets cannot do: better an error than a surprise. */
const UNSUPPORTED_OPTIONS = [
  'agent',
  'ALPNProtocols',
  'checkServerIdentity',
  'ciphers',
  'createConnection',
  'crl',
  'dispatcher',
  'ecdhCurve',
  'family',
  'localAddress',
  'localPort',
  'lookup',
  'maxVersion',
  'minVersion',
  'passphrase',
  'pfx',
  'secureContext',
  'secureOptions',
  'secureProtocol',
  'session',
  'sigalgs',
  'socketPath',
] as const;

/** One client's way through its handshake and the redirects in it. */
class Opener implements Opening {
  readonly #runtime: StreamRuntime;
  readonly #ws: WebSocketBase;
  readonly #protocols: readonly string[];
  readonly #options: ClientOptions;
  readonly #redirects: Redirects<Target>;
  #opening: RunningOpening | null = null;
  #request: HttpRequest | null = null;
  #socket: StreamSocket | null = null;

  constructor(
    runtime: StreamRuntime,
    ws: WebSocketBase,
    client: { readonly protocols: readonly string[]; readonly options: ClientOptions; readonly target: Target },
  ) {
    this.#runtime = runtime;
    this.#ws = ws;
    this.#protocols = client.protocols;
    this.#options = client.options;
    this.#redirects = new Redirects(client.target, client.options, parseAddress);
  }

  get request(): unknown {
    return this.#request;
  }

  abort(): void {
    this.#opening?.abort();
  }

  connect(target: Target): void {
    const ws = this.#ws;
    const { network, platform } = this.#runtime;
    coreOf(ws).url = target.href;
    const plan = this.#plan(target);
    const opening = startOpening(network, platform, plan, {
      onUpgrade: (head, transport) => this.#upgrade(head, transport),
      onResponse: (head, body) => this.#redirect(target, head) || this.#respond(request, head, body),
      onOpen: (_transport, opened) => this.#open(this.#socket!, opened),
      onFail: (error) => coreOf(ws).fail(error),
    });
    this.#opening = opening;
    const request = new HttpRequest(target, plan.headers, opening);
    this.#request = request;
    if (this.#redirects.count > 0) ws.emit('redirect', target.href, request);
    const { finishRequest } = this.#options;
    if (finishRequest) finishRequest(request as never, ws);
    else request.end();
  }

  #plan(target: Target): OpeningPlan {
    const options = this.#options;
    const { headers, auth } = this.#redirects.fieldsFor(target, this.#ws.listenerCount('redirect') > 0);
    return {
      target,
      protocols: this.#protocols,
      version: checkedVersion(options),
      origin: options.origin,
      deflate: this.#deflate,
      headers: withCredentials(this.#runtime.platform, headers as HeaderValues, auth),
      handshakeTimeout: options.handshakeTimeout,
      tls: readClientTls({ ...options }, this.#runtime.network.isTrustDemanded?.()),
    };
  }

  #upgrade(head: ResponseHead, transport: ByteStream): boolean {
    const ws = this.#ws;
    const socket = new StreamSocket(transport, this.#runtime.platform);
    this.#socket = socket;
    if (ws.listenerCount('upgrade') > 0) ws.emit('upgrade', new HttpMessage({ head, socket }));
    return ws.readyState === ws.CONNECTING;
  }

  /** Hands a response that is no 101 to the program, if it wants it. */
  #respond(request: HttpRequest, head: ResponseHead, body: ResponseBody): boolean {
    if (this.#ws.listenerCount('unexpected-response') === 0) return false;
    request.markResponse();
    return this.#ws.emit('unexpected-response', request, new HttpMessage({ head, socket: null, body }));
  }

  /** Follows a redirect, if it is one and may be followed. */
  #redirect(from: Target, head: ResponseHead): boolean {
    const location = head.headers.get('location');
    if (!this.#redirects.follows(head.status, location)) return false;
    this.#opening!.abort();
    try {
      this.connect(this.#redirects.next(from, location));
    } catch (error) {
      coreOf(this.#ws).fail(error as Error);
    }
    return true;
  }

  get #deflate(): PerMessageDeflateOptions | undefined {
    return deflateSettings(this.#options.perMessageDeflate ?? true);
  }

  #open(socket: StreamSocket, { protocol, agreement, head }: Opened): void {
    const { platform, deflateEngine } = this.#runtime;
    const { allowSynchronousEvents, generateMask } = this.#options;
    const deflate = this.#deflate;
    const compression =
      agreement && deflate && compressionSettings(deflate, agreement, deflateEngine(deflate.engine), 'client');
    const extensions = agreement ? PERMESSAGE_DEFLATE : '';
    const settings = { role: 'client', compression, ...sessionSettings(this.#options) } as const;
    const session = socket.createSession(withMasks(platform, generateMask), settings);
    // Planned before the 'open' event, so that messages come before what a listener puts off.
    nextTick(() => coreOf(this.#ws).start(head));
    coreOf(this.#ws).open(this.#ws, session, {
      socket: socket as unknown as Duplex,
      protocol,
      extensions,
      allowSynchronousEvents,
    });
  }
}

function connect(
  runtime: StreamRuntime,
  ws: WebSocketBase,
  client: { readonly address: string | URL; readonly protocols: readonly unknown[]; readonly options: ClientOptions },
): void {
  const { options } = client;
  checkedVersion(options);
  const given = options as Readonly<Record<string, unknown>>;
  for (const name of UNSUPPORTED_OPTIONS) {
    if (given[name]) throw new TypeError(`The "${name}" option is not supported over raw sockets`);
  }
  runtime.checkDeflateOptions?.(deflateSettings(options.perMessageDeflate));
  const target = parseAddress(client.address);
  coreOf(ws).url = target.href;
  const opener = new Opener(runtime, ws, { protocols: checkedProtocols(client.protocols), options, target });
  coreOf(ws).opening = opener;
  opener.connect(target);
}

/**
 * The WebSocket of ws 8 over raw sockets; see {@link WebSocketBase}. Its options are those of ws, but for the ones that speak of
 * node:http's inner life (`agent`, `createConnection`, `lookup`, …), which are a TypeError.
 */
export abstract class RawWebSocket extends WebSocketBase {
  /** What `require('ws')` has on the class. An adapter sets and narrows them. */
  declare static createWebSocketStream: (ws: WebSocketBase, options?: DuplexOptions) => Duplex;

  /**
   * @param address `ws:`, `wss:`, `http:`, `https:` or `ws+unix:` URL. null makes the object that `handleUpgrade` fills.
   * @param protocols Subprotocols to offer, best first.
   * @throws {SyntaxError} on an invalid URL or subprotocol.
   * @throws {TypeError} on an option of no use here.
   */
  constructor(
    runtime: StreamRuntime,
    address: string | URL | null,
    protocols?: string | readonly string[] | ClientOptions,
    options?: ClientOptions,
  ) {
    super(
      (ws, url, names, settings) => connect(runtime, ws, { address: url, protocols: names, options: settings }),
      address,
      protocols,
      options,
    );
  }
}
