// The exports that all entry points have in common. They need no binding.

export type { MessageBody } from './body.ts';
export * from './constants.ts';
export { createFibjs } from './create.ts';
export type { CloseEvent, ConnectionStream, ErrorEvent, MessageEvent, OpenEvent } from './events.ts';
export { TruncatedMessageError } from './message-io.ts';
export type { SocketOptions } from './socket.ts';
export { route } from './upgrade.ts';
export type { Accept, RequestMembers, UpgradeHandler, UpgradeOptions } from './upgrade.ts';
