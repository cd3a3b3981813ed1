// Entry point on Deno: the ws-style API.

import type { IncomingMessage } from 'node:http';
import { extension, subprotocol } from '../../src/api/ws/extension.ts';
import { createWebSocketStream } from '../../src/api/ws/stream.ts';
import type { RawServerOptions } from '../../src/raw/ws/server.ts';
import { WebSocketServer } from './server.ts';
import { upgrade } from './upgrade.ts';
import { WebSocket } from './websocket.ts';

Object.assign(WebSocket, {
  createWebSocketStream,
  extension,
  Server: WebSocketServer,
  subprotocol,
  WebSocket,
  WebSocketServer,
});

export type { Sendable } from '../../src/api/ws/data.ts';
export type { ClientOptions, ConnectionSettings } from '../../src/api/ws/options.ts';
export type {
  AddressInfo,
  BinaryType,
  CertMeta,
  CloseEvent,
  Data,
  ErrorEvent,
  Event,
  EventListenerOptions,
  FinishRequestCallback,
  MessageEvent,
  MessageOptions,
  PerMessageDeflateOptions,
  RawData,
  VerifyClientCallbackAsync,
  VerifyClientCallbackSync,
  VerifyClientInfo,
} from '../../src/api/ws/types.ts';
export { CapacityError, ProtocolError, UsageError, Utf8Error, type ErrorCode, type PeerError } from '../../src/base/errors.ts';
export { createWebSocketStream, extension, subprotocol, upgrade, WebSocket, WebSocketServer };
export type { Refused, UpgradeOptions, Upgraded } from './native.ts';
export type { WebSocketServer as Server } from './server.ts';
export type ServerOptions<
  Socket extends typeof WebSocket = typeof WebSocket,
  Request extends typeof IncomingMessage = typeof IncomingMessage,
> = RawServerOptions<Socket, Request>;
export { WebSocket as default };
// What `require()` of this module returns.
export { WebSocket as 'module.exports' };
