// A request that a router found a handler for.

import type { IncomingMessage } from 'node:http';
import type { UrlWithParsedQuery } from 'node:url';
import { TypedEmitter } from '../../api/ws/emitter.ts';
import type { WebSocketConnection } from './connection.ts';
import type { WebSocketRequest } from './request.ts';
import type { ICookie, RequestedExtension } from './types.ts';

/** Arguments of the events of a router's request. */
export interface RouterRequestEvents {
  requestAccepted: [connection: WebSocketConnection];
  requestRejected: [request: WebSocketRouterRequest];
}

export class WebSocketRouterRequest extends TypedEmitter<RouterRequestEvents> {
  /** The request itself. */
  webSocketRequest: WebSocketRequest;
  /** The subprotocol that the handler was found by; null when the client asks for none. */
  protocol: string | null;
  origin: string;
  resource: string;
  resourceURL: UrlWithParsedQuery;
  httpRequest: IncomingMessage;
  remoteAddress: string;
  webSocketVersion: number;
  requestedExtensions: RequestedExtension[];
  cookies: ICookie[];

  constructor(request: WebSocketRequest, protocol: string | null) {
    super();
    this.webSocketRequest = request;
    this.protocol = protocol;
    this.origin = request.origin;
    this.resource = request.resource;
    this.resourceURL = request.resourceURL;
    this.httpRequest = request.httpRequest;
    this.remoteAddress = request.remoteAddress;
    this.webSocketVersion = request.webSocketVersion;
    this.requestedExtensions = request.requestedExtensions;
    this.cookies = request.cookies;
  }

  /** Opens the connection, with {@link protocol}. See {@link WebSocketRequest.accept}. */
  accept(origin?: string | null, cookies?: ICookie[]): WebSocketConnection {
    const connection = this.webSocketRequest.accept(this.protocol, origin, cookies);
    this.emit('requestAccepted', connection);
    return connection;
  }

  /** See {@link WebSocketRequest.reject}. */
  reject(status?: number, reason?: string, extraHeaders?: object): void {
    this.webSocketRequest.reject(status, reason, extraHeaders);
    this.emit('requestRejected', this);
  }
}
