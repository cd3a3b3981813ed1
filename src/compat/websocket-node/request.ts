// A request for a WebSocket, to be accepted or rejected. RFC 6455 section 4.2.

import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { UrlWithParsedQuery } from 'node:url';
import { TypedEmitter } from '../../api/ws/emitter.ts';
import { answerAndDestroy } from '../../api/ws/end-socket.ts';
import { CLOSE_ABNORMAL } from '../../base/close-codes.ts';
import type { RefusalReason } from '../../base/meter.ts';
import { isFieldValueCode, isTokenCode } from '../../handshake/grammar.ts';
import { formatHead, readHeader } from '../../handshake/headers.ts';
import { reasonPhrase } from '../../handshake/refusal.ts';
import { acceptanceHead, checkRequest } from '../../handshake/server.ts';
import { WebSocketConnection } from './connection.ts';
import { formatCookies, parseCookies } from './cookies.ts';
import { deprecation } from './deprecation.ts';
import { parseResource } from './resource.ts';
import { firstIllegal, keepAllowed } from './text.ts';
import type { ICookie, IServerConfig, RequestedExtension } from './types.ts';
import { immediate, nextTick } from '../../clock.ts';

/** Arguments of the events of a request. Each is emitted at most once. */
export interface RequestEvents {
  requestAccepted: [connection: WebSocketConnection];
  requestRejected: [request: WebSocketRequest];
  /** Before either of the others. */
  requestResolved: [request: WebSocketRequest];
}

/** A request that is not a valid opening handshake. */
export class HandshakeError extends Error {
  /** Status of the response. */
  readonly httpCode: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(message: string, httpCode: number = 400, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.name = 'Error';
    this.httpCode = httpCode;
    this.headers = headers;
  }
}

/** One upgrade, shared by all servers on the HTTP server. The first response counts. */
interface Offer {
  /** The requests of the servers that may still respond. */
  readonly requests: WebSocketRequest[];
  state: 'pending' | 'accepted' | 'rejected';
}

const offers = new WeakMap<Socket, Offer>();

function offerOf(socket: Socket): Offer {
  const offer: Offer = offers.get(socket) ?? { requests: [], state: 'pending' };
  offers.set(socket, offer);
  return offer;
}

/** Removes characters that a field's value must not have, so that no line can be forged. */
function sanitize(text: unknown): string {
  return keepAllowed(String(text), isFieldValueCode);
}

/** Adds lines for `headers`. Leaves out a field whose name has no allowed character. */
function addHeaders(lines: string[], headers: object): void {
  for (const [name, value] of Object.entries(headers)) {
    const token = keepAllowed(name, isTokenCode);
    if (token !== '') lines.push(`${token}: ${sanitize(value)}`);
  }
}

export class WebSocketRequest extends TypedEmitter<RequestEvents> {
  socket: Socket;
  httpRequest: IncomingMessage;
  /** Path and query as they came. */
  resource: string;
  /** The same, parsed. */
  resourceURL: UrlWithParsedQuery;
  /** Address of the client: the first of X-Forwarded-For unless that is ignored, else the peer's. Any client can send that field. */
  remoteAddress: string;
  /** The addresses of X-Forwarded-For, then the peer's. */
  remoteAddresses: string[];
  serverConfig: IServerConfig;
  /** Host and, unless it is the scheme's, port. */
  declare host: string;
  /** Sec-WebSocket-Key. */
  declare key: string;
  /** Origin of the page that opened the connection, which browsers send. The program has to check it. */
  declare origin: string;
  /** 8 or 13. */
  declare webSocketVersion: number;
  /** Subprotocols that the client offers, the most wanted first, in lower case. */
  requestedProtocols: string[] = [];
  /** The same as the client wrote them, by their lower-case form. */
  protocolFullCaseMap: Record<string, string> = {};
  requestedExtensions: RequestedExtension[] = [];
  cookies: ICookie[] = [];
  _resolved: boolean = false;
  _socketIsClosing: boolean = false;
  /** The exception of `accept`. The client has its response then. @internal */
  _refusal: unknown;
  /** Counted when this server refuses the request. @internal */
  _refusalReason: RefusalReason = 'request';
  /** Called when this server has refused the request. @internal */
  _onRefused: (() => void) | undefined;
  /** Called when the request needs no response any more: a server has responded, or the client has left. @internal */
  _onSettled: (() => void) | undefined;
  readonly #head: Uint8Array | undefined;
  readonly #offer: Offer;
  /** A client that ends before the response has left. We end our side, because the HTTP server does not. */
  readonly #onSocketEnd = (): void => {
    this._socketIsClosing = true;
    this.socket.destroy();
    this.#settle();
  };

  /** @param head Bytes that came after the request. */
  constructor(socket: Socket, httpRequest: IncomingMessage, serverConfig: IServerConfig, head?: Uint8Array) {
    super();
    this.socket = socket;
    this.httpRequest = httpRequest;
    this.serverConfig = serverConfig;
    this.resource = httpRequest.url ?? '';
    this.resourceURL = parseResource(this.resource);
    this.remoteAddresses = this.#readAddresses();
    [this.remoteAddress] = this.remoteAddresses;
    this.#head = head;
    this.#offer = offerOf(socket);
    // Another server has responded, and handles the socket.
    if (this._isAnswered) return;
    this.#offer.requests.push(this);
    // The HTTP server does not listen to the socket any more.
    socket.on('error', this.#onSocketEnd);
    socket.on('end', this.#onSocketEnd);
    socket.on('close', this.#onSocketEnd);
  }

  /** @deprecated */
  get websocketVersion(): number {
    deprecation.warn('websocketVersion');
    return this.webSocketVersion;
  }

  /** Reads the request. @throws {HandshakeError} when it does not fulfil RFC 6455 section 4.2.1. */
  readHandshake(): void {
    const { headers } = this.httpRequest;
    const key = headers['sec-websocket-key'];
    const version = parseInt(readHeader(headers, 'sec-websocket-version') ?? '', 10);
    if (!headers.host) throw new HandshakeError('Client must provide a Host header.');
    if (!key) throw new HandshakeError('Client must provide a value for Sec-WebSocket-Key.');
    if (!version) throw new HandshakeError('Client must provide a value for Sec-WebSocket-Version.');
    if (version !== 13 && version !== 8) {
      const message = `Unsupported websocket client version: ${version}Only versions 8 and 13 are supported.`;
      throw new HandshakeError(message, 426, { 'Sec-WebSocket-Version': '13' });
    }
    const request = checkRequest(this.httpRequest);
    if (!request.accepted) throw new HandshakeError(request.reason, request.status, request.headers);

    this.host = headers.host;
    this.key = request.key;
    this.webSocketVersion = version;
    this.origin = request.origin as string;
    this.protocolFullCaseMap = Object.create(null) as Record<string, string>;
    for (const protocol of request.protocols) this.protocolFullCaseMap[protocol.toLowerCase()] = protocol;
    this.requestedProtocols = request.protocols.map((protocol) => protocol.toLowerCase());
    if (this.serverConfig.parseExtensions ?? true) {
      this.requestedExtensions = request.extensions.map(({ name, parameters }) => ({ name, params: [...parameters] }));
    }
    if (this.serverConfig.parseCookies ?? true) this.cookies = parseCookies(headers.cookie);
  }

  /**
   * Opens the connection.
   *
   * @param acceptedProtocol One of `requestedProtocols`; none if left out.
   * @param allowedOrigin Sent to the client. Not compared with the client's origin: check `origin` before.
   * @param cookies Cookies to set.
   * @throws {Error} when an argument is not valid; the client gets status 500 then, and a 'request' listener that does not catch
   *   it makes it an 'upgradeError'. Also when the request is resolved already, by this server or another one.
   */
  accept(acceptedProtocol?: string | null, allowedOrigin?: string | null, cookies?: ICookie[]): WebSocketConnection {
    this._verifyResolution();
    if (this.#offer.state === 'accepted') throw new Error('Another server of this HTTP server has accepted the request.');
    let lines: string[];
    try {
      lines = this.#acceptance(acceptedProtocol, allowedOrigin, cookies);
    } catch (error) {
      this._refusal = error;
      this.reject(500);
      throw error;
    }
    if (this._isAnswered || this.socket.destroyed) this._socketIsClosing = true;
    this.#resolve('accepted');
    const { socket } = this;
    const connection = new WebSocketConnection(socket, [], acceptedProtocol as string, false, this.serverConfig);
    connection.webSocketVersion = this.webSocketVersion;
    connection.remoteAddress = this.remoteAddress;
    if (this._socketIsClosing) {
      nextTick(() => connection.drop(CLOSE_ABNORMAL, 'TCP connection lost before handshake completed.', true));
    } else {
      socket.write(formatHead(lines));
      // Starts later, so that the program can add listeners, also after an `await`.
      immediate(() => connection._addSocketEventListeners(this.#head));
    }
    this.emit('requestAccepted', connection);
    return connection;
  }

  /**
   * Refuses the request, and ends the TCP connection. Writes nothing if another server has responded, or the client has left.
   *
   * @param status HTTP status; default 403.
   * @param reason Sent as X-WebSocket-Reject-Reason.
   * @param extraHeaders More fields. Characters that a field must not have are left out.
   * @throws {Error} when the request is resolved already.
   */
  reject(status?: number, reason?: string, extraHeaders?: object): void {
    this._verifyResolution();
    const isAnswered = this._isAnswered;
    this.#resolve(isAnswered ? this.#offer.state : 'rejected');
    if (!isAnswered && !this.socket.destroyed) {
      this._onRefused?.();
      this.#writeRejection(status, reason, extraHeaders);
    }
    this.emit('requestRejected', this);
  }

  /** Whether a server on this HTTP server has responded. @internal */
  get _isAnswered(): boolean {
    return this.#offer.state !== 'pending';
  }

  /** @throws {Error} when the request is resolved already. */
  _verifyResolution(): void {
    if (this._resolved) throw new Error('WebSocketRequest may only be accepted or rejected one time.');
  }

  #writeRejection(status: number | undefined, reason: string | undefined, extraHeaders: object | undefined): void {
    const code = typeof status === 'number' && status >= 200 && status <= 999 ? Math.floor(status) : 403;
    const lines = [`HTTP/1.1 ${code} ${reasonPhrase(code)}`, 'Connection: close'];
    if (reason) lines.push(`X-WebSocket-Reject-Reason: ${sanitize(reason)}`);
    addHeaders(lines, extraHeaders ?? {});
    // The client may have reset the connection.
    this.socket.on('error', () => {});
    answerAndDestroy(this.socket, formatHead(lines));
  }

  #resolve(state: Offer['state']): void {
    this._resolved = true;
    this.#offer.state = state;
    for (const request of this.#offer.requests.splice(0)) request.#settle();
    this.emit('requestResolved', this);
  }

  /** Stops listening to the socket, which the server that has responded handles. */
  #settle(): void {
    for (const event of ['error', 'end', 'close']) this.socket.removeListener(event, this.#onSocketEnd);
    this._onSettled?.();
  }

  #readAddresses(): string[] {
    const peer = this.socket.remoteAddress as string;
    const field = readHeader(this.httpRequest.headers, 'x-forwarded-for');
    if (!field || this.serverConfig.ignoreXForwardedFor) return [peer];
    const named = field.split(',').map((address) => address.trim());
    return [...named.filter((address) => address !== ''), peer];
  }

  #acceptance(protocol: string | null | undefined, origin: string | null | undefined, cookies: unknown): string[] {
    const headers: string[] = [];
    let offered: string | undefined;
    if (protocol) {
      const illegal = firstIllegal(protocol, isTokenCode);
      if (illegal !== undefined) throw new Error(`Illegal character "${illegal}" in subprotocol.`);
      if (!this.requestedProtocols.includes(protocol)) {
        throw new Error('Specified protocol was not requested by the client.');
      }
      offered = this.protocolFullCaseMap[protocol];
    }
    if (origin) headers.push(`${this.webSocketVersion === 8 ? 'Sec-WebSocket-Origin' : 'Origin'}: ${sanitize(origin)}`);
    if (cookies) for (const cookie of formatCookies(cookies)) headers.push(`Set-Cookie: ${cookie}`);
    return acceptanceHead({ key: this.key, protocol: offered, headers });
  }
}
