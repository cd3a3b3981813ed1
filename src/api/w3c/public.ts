// The exports of every W3C entry point besides its class.

export type * from './index.ts';
export {
  closed,
  messages,
  opened,
  type CloseDetails,
  type MessageData,
  type MessagesOptions,
  type WebSocketLike,
} from './promises.ts';
