// Entry point on Node.js: the ws-style API.

import { WebSocketServer } from './server.ts';
import { WebSocket } from './websocket.ts';

export type { BinaryType, MessageOptions } from '../../src/api/ws/websocket.ts';
export type { Data } from '../../src/api/ws/data.ts';
export type { CloseEvent, ErrorEvent, Event, MessageEvent } from '../../src/api/ws/events.ts';
export type { ClientOptions } from '../../src/api/ws/options.ts';
export type { ServerOptions, VerifyClient, VerifyClientInfo } from '../../src/api/ws/server.ts';
export { CapacityError, ProtocolError, UsageError, Utf8Error, type ErrorCode, type PeerError } from '../../src/base/errors.ts';
export { WebSocket, WebSocketServer };
export { WebSocket as default };
// What `require()` of this module returns (Node.js 20.19 and later).
export { WebSocket as 'module.exports' };
