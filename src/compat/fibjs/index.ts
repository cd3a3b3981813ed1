// Entry point of wasock/fibjs on runtimes with Node.js's built-in modules: the `ws` module of fibjs.

import { createEntry, type Entry } from './create.ts';
import type { MessageBase } from './message.ts';
import { nodeBinding } from './node.ts';
import type { SocketBase } from './socket.ts';

/** Everything that can be imported by name. */
const fibjs: Entry & { readonly nodeBinding: typeof nodeBinding } = createEntry(nodeBinding, { nodeBinding });

export * from './exports.ts';
/** A message that is read from a stream or written to one. */
export const Message: Entry['Message'] = fibjs.Message;
export type Message = MessageBase;
/** A connection, client or server. */
export const Socket: Entry['Socket'] = fibjs.Socket;
export type Socket = SocketBase;
/** Makes a handler that upgrades requests. */
export const upgrade: Entry['upgrade'] = fibjs.upgrade;
export { nodeBinding };
export { fibjs as default };
