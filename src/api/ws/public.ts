// The exports of every ws-style entry point besides its classes.

export * from '../../admission/public.ts';
export { broadcast, type BroadcastOptions } from './broadcast.ts';
export type { Sendable } from './data.ts';
export type { HeartbeatOptions } from '../../protocol/heartbeat.ts';
export type { ClientOptions, ConnectionSettings } from './options.ts';
export type { AllowedOrigins, OriginPredicate } from './origins.ts';
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
} from './types.ts';
export {
  CapacityError,
  CompressionError,
  ProtocolError,
  UsageError,
  Utf8Error,
  type ErrorCode,
  type PeerError,
} from '../../base/errors.ts';
export { extension, subprotocol } from './extension.ts';
export { createWebSocketStream } from './stream.ts';
