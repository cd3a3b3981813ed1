// The W3C API: the exports that adapters use.

export type {
  HeaderFields,
  Connect,
  ConnectCallbacks,
  ConnectOptions,
  ConnectRequest,
  PendingConnection,
  W3CWebSocketOptions,
} from './connect.ts';
export type { ProtocolsOrOptions } from './arguments.ts';
export type { BinaryType } from './body.ts';
export type { BorrowedMessageEvent } from './borrowed.ts';
export type { CloseEvent, FailureEvent, MessageEvent } from './events.ts';
export type {
  Borrowing,
  BorrowingWebSocket,
  ListenerOptions,
  W3CWebSocket,
  W3CWebSocketFor,
  WebSocketConstructor,
  WebSocketEventMap,
} from './types.ts';
export { createConnect, type ClientRuntime } from './opener.ts';
export { accept, connectTo, createWebSocketClass } from './websocket.ts';
