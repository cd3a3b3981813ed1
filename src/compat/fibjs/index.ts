// Entry point of wasock/fibjs on runtimes with Node.js's built-in modules: the `ws` module of fibjs.

import { createFibjs, type Fibjs } from './create.ts';
import type { MessageBase, MessageConstructor } from './message.ts';
import { TruncatedMessageError } from './message-io.ts';
import { nodeBinding } from './node.ts';
import type { SocketBase, SocketConstructor } from './socket.ts';
import type { Upgrading } from './upgrade.ts';

/** Everything that can be imported by name. */
const fibjs: Fibjs & {
  readonly createFibjs: typeof createFibjs;
  readonly nodeBinding: typeof nodeBinding;
  readonly TruncatedMessageError: typeof TruncatedMessageError;
} = { ...createFibjs(nodeBinding), createFibjs, nodeBinding, TruncatedMessageError };

/** A message that is read from a stream or written to one. */
export const Message: MessageConstructor = fibjs.Message;
export type Message = MessageBase;
/** A connection, client or server. */
export const Socket: SocketConstructor = fibjs.Socket;
export type Socket = SocketBase;
/** Makes a handler that upgrades requests. */
export const upgrade: Upgrading['upgrade'] = fibjs.upgrade;

export type { CloseEvent, ConnectionStream, ErrorEvent, MessageEvent, OpenEvent } from './events.ts';
export type { MessageBody } from './body.ts';
export type { RequestMembers } from './request.ts';
export type { SocketOptions } from './socket.ts';
export type { Accept, UpgradeHandler, UpgradeOptions } from './upgrade.ts';
export { BINARY, CLOSE, CLOSED, CLOSING, CONNECTING, CONTINUE, OPEN, PING, PONG, TEXT } from './constants.ts';
export { createFibjs, nodeBinding, TruncatedMessageError };
export { route } from './upgrade.ts';
export { fibjs as default };
