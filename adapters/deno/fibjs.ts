// Entry point of wasock/fibjs on Deno: the `ws` module of fibjs, whose handlers are also those of Deno.serve.

import type { FibjsBinding, UpgradedRequest, UpgradePlan } from '../../src/compat/fibjs/binding.ts';
import { createEntry, type Entry } from '../../src/compat/fibjs/create.ts';
import type { MessageBase } from '../../src/compat/fibjs/message.ts';
import { nodeBinding } from '../../src/compat/fibjs/node.ts';
import type { SocketBase } from '../../src/compat/fibjs/socket.ts';
import type { Session } from '../../src/platform.ts';
import { upgradeNatively } from './native.ts';
import { platform } from './platform.ts';

/** Deno speaks the protocol, without permessage-deflate. The limit holds for messages that Deno has read. */
function upgradeRequest(request: Request, { protocol, maxPayload }: UpgradePlan): UpgradedRequest {
  const upgraded = upgradeNatively(request, { protocol, maxPayload });
  const session = new Promise<Session>((resolve, reject) => {
    if ('open' in upgraded) upgraded.open(resolve, reject);
    else reject(new Error('The request was refused'));
  });
  return { response: upgraded.response, session };
}

/** Deno's node: modules for sockets, `Deno.upgradeWebSocket` for fetch requests. */
export const denoBinding: FibjsBinding = { ...nodeBinding, platform, upgradeRequest };

/** Everything that can be imported by name. */
const fibjs: Entry & { readonly denoBinding: typeof denoBinding; readonly nodeBinding: typeof nodeBinding } = createEntry(
  denoBinding,
  { denoBinding, nodeBinding },
);

export * from '../../src/compat/fibjs/index.ts';
/** A message that is read from a stream or written to one. */
export const Message: Entry['Message'] = fibjs.Message;
export type Message = MessageBase;
/** A connection, client or server. */
export const Socket: Entry['Socket'] = fibjs.Socket;
export type Socket = SocketBase;
/** Makes a handler that upgrades requests. */
export const upgrade: Entry['upgrade'] = fibjs.upgrade;
export { fibjs as default };
