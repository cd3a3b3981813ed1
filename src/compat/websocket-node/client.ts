// The client of WebSocket-Node: one opening handshake, then a connection. RFC 6455 section 4.1.

import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders, RequestOptions } from 'node:http';
import type { Socket } from 'node:net';
import type { Url } from 'node:url';
import { TypedEmitter } from '../../api/ws/emitter.ts';
import { parseAddress } from '../../api/address.ts';
import { acceptKey } from '../../handshake/accept-key.ts';
import { isTokenCode } from '../../handshake/grammar.ts';
import { hangUp, type OpeningResult, type Target } from '../../handshake/opening.ts';
import { startOpening, type NodeOpening } from '../../nodejs/opening.ts';
import { refuseForeign } from '../shared/upgrades.ts';
import { WebSocketConnection } from './connection.ts';
import { firstIllegal } from './text.ts';
import type { IClientConfig } from './types.ts';
import { immediate, nextTick } from '../../clock.ts';
import { readOptionsOver } from '../../base/options.ts';

/** Arguments of the events of a client. */
export interface ClientEvents {
  connect: [connection: WebSocketConnection];
  connectFailed: [error: Error];
  /** The server answered with another status than 101. Without a listener, 'connectFailed' comes instead. */
  httpResponse: [response: IncomingMessage, client: WebSocketClient];
}

const DEFAULTS = {
  maxReceivedFrameSize: 1048576,
  maxReceivedMessageSize: 8388608,
  fragmentOutgoingMessages: true,
  fragmentationThreshold: 16384,
  webSocketVersion: 13,
  assembleFragments: true,
  disableNagleAlgorithm: true,
  closeTimeout: 5000,
  tlsOptions: {},
};

/** @throws {Error} unless the address has a scheme and a host. */
function targetOf(address: Url | string): Target {
  const text = typeof address === 'string' ? address : ((address as { href?: string } | null)?.href ?? '');
  if (!/^[a-z][a-z\d+.-]*:/i.test(text)) throw new Error('You must specify a full WebSocket URL, including protocol.');
  const rest = text.slice(text.indexOf(':') + 1);
  if (!/^\/\/[^/?#]/.test(rest)) {
    throw new Error('You must specify a full WebSocket URL, including hostname. Relative URLs are not supported.');
  }
  const hash = text.indexOf('#');
  return parseAddress(hash === -1 ? text : text.slice(0, hash));
}

/** @throws {Error} for a name that is not a token. */
function protocolList(protocols: string | string[] | null | undefined): string[] {
  const list = typeof protocols === 'string' ? [protocols] : (protocols ?? []);
  const illegal = firstIllegal(list.join(''), isTokenCode);
  if (illegal !== undefined) throw new Error(`Protocol list contains invalid character "${illegal}"`);
  return [...new Set(list.filter((protocol) => protocol !== ''))];
}

/** Describes an error in a 101 response in the words of WebSocket-Node. All other checks come after this one. */
function faultOf(request: ClientRequest, response: IncomingMessage, protocols: readonly string[]): string | undefined {
  const { headers } = response;
  const protocol = headers['sec-websocket-protocol'];
  if (protocols.length > 0 && !protocol) return 'Expected a Sec-WebSocket-Protocol header.';
  if (protocols.length > 0 && !protocols.includes(protocol!)) return 'Server did not respond with a requested protocol.';
  const accept = headers['sec-websocket-accept'];
  if (!accept) return 'Expected Sec-WebSocket-Accept header from server';
  const expected = acceptKey(String(request.getHeader('Sec-WebSocket-Key')));
  if (accept === expected) return undefined;
  return `Sec-WebSocket-Accept header from server didn't match expected value of ${expected}`;
}

/** A response with its headers, for a message. */
function describe(response: IncomingMessage): string {
  const lines = Object.entries(response.headers).map(([name, value]) => `${name}: ${String(value)}\n`);
  const status = `${response.statusCode} ${response.statusMessage}`;
  return `Server responded with a non-101 status: ${status}\nResponse Headers Follow:\n${lines.join('')}`;
}

export class WebSocketClient extends TypedEmitter<ClientEvents> {
  /** With its defaults filled in. */
  config: IClientConfig;
  declare protocols: string[];
  declare origin: string | null | undefined;
  #opening: NodeOpening | undefined;

  /** @throws {Error} for another `webSocketVersion` than 8 and 13. */
  constructor(config?: IClientConfig | null) {
    super();
    this.config = readOptionsOver<IClientConfig>(DEFAULTS, config);
    refuseForeign(this.config);
    const { webSocketVersion } = this.config;
    if (webSocketVersion !== 8 && webSocketVersion !== 13) {
      throw new Error('Requested webSocketVersion is not supported. Allowed values are 8 and 13.');
    }
  }

  /**
   * Starts to connect; 'connect', 'connectFailed' or 'httpResponse' follows. Makes one attempt at a time.
   *
   * @param requestUrl `ws:` or `wss:`.
   * @param protocols Subprotocols to offer, the most wanted first.
   * @param origin Value of the Origin field.
   * @param headers More header fields. Those of the handshake replace them.
   * @param extraRequestOptions More options of `http.request` or `https.request`, such as `agent`.
   * @throws {Error} for an invalid address or subprotocol.
   */
  connect(
    requestUrl: Url | string,
    protocols?: string | string[] | null,
    origin?: string | null,
    headers?: OutgoingHttpHeaders | null,
    extraRequestOptions?: RequestOptions | null,
  ): void {
    const target = targetOf(requestUrl);
    this.protocols = protocolList(protocols);
    this.origin = origin;
    const { headers: _headers, ...extra } = extraRequestOptions ?? {};
    const { headers: tlsHeaders, ...tls } = this.config.tlsOptions ?? {};
    const opening: NodeOpening = startOpening(
      {
        target,
        protocols: this.protocols,
        version: this.config.webSocketVersion as 8 | 13,
        origin: origin ?? undefined,
        headers: { ...(target.isSecure ? (tlsHeaders as object | undefined) : undefined), ...headers },
        options: { ...(target.isSecure ? tls : undefined), ...extra },
      },
      {
        onUpgrade: (response) => this.#check(opening, response),
        onResponse: (_request, response) => this.#refuse(opening, response),
        onOpen: (socket, opened) => this.#open(socket as Socket, opened),
        onFail: (error) => this.#fail(error),
      },
    );
    this.#opening = opening;
    opening.send();
  }

  /** Stops connecting; 'connectFailed' follows. Does nothing when there is no attempt. */
  abort(): void {
    const opening = this.#opening;
    if (opening === undefined) return;
    this.#opening = undefined;
    opening.abort();
    nextTick(() => this.emit('connectFailed', hangUp()));
  }

  #check(opening: NodeOpening, response: IncomingMessage): boolean {
    const fault = faultOf(opening.request, response, this.protocols);
    if (fault === undefined) return true;
    opening.abort();
    this.#fail(new Error(fault));
    return false;
  }

  #refuse(opening: NodeOpening, response: IncomingMessage): true {
    if (this.listenerCount('httpResponse') > 0) {
      this.#opening = undefined;
      this.emit('httpResponse', response, this);
      // Ends our side only: the listener can still read the response.
      response.socket?.end();
      return true;
    }
    opening.abort();
    this.#fail(new Error(describe(response)));
    return true;
  }

  #fail(error: Error): void {
    this.#opening = undefined;
    this.emit('connectFailed', error);
  }

  #open(socket: Socket, { protocol, head }: OpeningResult): void {
    this.#opening = undefined;
    const name = (protocol || undefined) as string;
    const connection = new WebSocketConnection(socket, [], name, true, this.config);
    connection.webSocketVersion = this.config.webSocketVersion!;
    // Starts later, so that the program can add listeners, also after an `await`.
    immediate(() => connection._addSocketEventListeners(head));
    this.emit('connect', connection);
  }
}
