// The exports of every entry point besides its class.

export type { CloseDetails, MessageData, MessagesOptions } from '../api/w3c/promises.ts';
export type { HeaderFields } from '../api/w3c/connect.ts';
export type {
  BackoffOptions,
  Ending,
  QueueOptions,
  ReconnectingHeartbeatOptions,
  ReconnectingOptions,
  Source,
} from './options.ts';
export type { DropReason, Message, QueuePolicy } from './queue.ts';
export type {
  DropEvent,
  ProtocolsOrReconnectingOptions,
  QueueEvent,
  ReconnectingCloseEvent,
  ReconnectingEventMap,
  ReconnectingWebSocketConstructor,
} from './types.ts';
