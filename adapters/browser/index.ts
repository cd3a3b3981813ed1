// Main entry point in browsers. `WebSocket` has the shape of the W3C API here, not that of ws: `addEventListener` and `onmessage`, no
// `on`, no `ping`, no `terminate`. The other exports exist, so that imports work, and throw.

export { extension, subprotocol } from '../../src/api/ws/extension.ts';
export {
  CapacityError,
  CompressionError,
  ProtocolError,
  UsageError,
  Utf8Error,
  type ErrorCode,
  type PeerError,
} from '../../src/base/errors.ts';
export {
  broadcast,
  createWebSocketStream,
  Gate,
  metrics,
  PerMessageDeflate,
  Receiver,
  Sender,
  upgrade,
  WebSocketServer,
  WebSocketServer as Server,
} from './unavailable.ts';
export {
  closed,
  messages,
  opened,
  WebSocket,
  WebSocket as default,
  type CloseDetails,
  type MessageData,
  type MessagesOptions,
  type WebSocketLike,
} from './w3c.ts';
