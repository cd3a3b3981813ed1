// Entry point of wasock/fibjs on Bun: the `ws` module of fibjs, whose handlers also serve in the `fetch` of Bun.serve.

import type { FibjsBinding, UpgradedRequest, UpgradePlan } from '../../src/compat/fibjs/binding.ts';
import { createEntry, type Entry } from '../../src/compat/fibjs/create.ts';
import type { MessageBase } from '../../src/compat/fibjs/message.ts';
import { nodeBinding } from '../../src/compat/fibjs/node.ts';
import type { SocketBase } from '../../src/compat/fibjs/socket.ts';
import { limitMessages } from '../../src/native/limit.ts';
import type { BunServer } from './bun.ts';
import { websocket } from './handlers.ts';
import { platform } from './platform.ts';
import { ServedSession } from './served-session.ts';

/** A request that becomes no WebSocket. */
function refused(status: number, reason: string, headers: Readonly<Record<string, string>> = {}): UpgradedRequest {
  const fields = { 'Content-Type': 'text/plain; charset=utf-8', ...headers };
  return { response: new Response(reason, { status, headers: fields }), session: Promise.reject(new Error(reason)) };
}

/**
 * Bun speaks the protocol; permessage-deflate, like every limit but `maxPayload`, is that of the server's `websocket` option.
 *
 * @param context Begins with the server, which Bun passes to `fetch` behind the request.
 */
function upgradeRequest(request: Request, plan: UpgradePlan, context: readonly unknown[]): UpgradedRequest {
  const server = context[0] as Partial<BunServer> | undefined;
  if (typeof server?.upgrade !== 'function') {
    return refused(501, 'The handler needs the server: fetch: (request, server) => handler(request, server)');
  }
  if (request.headers.get('sec-websocket-version') !== '13') {
    return refused(400, 'Missing or invalid Sec-WebSocket-Version header', { 'Sec-WebSocket-Version': '13' });
  }
  const headers = new Headers();
  if (plan.protocol !== '') headers.set('Sec-WebSocket-Protocol', plan.protocol);
  const session = new ServedSession({});
  if (!server.upgrade(request, { headers, data: session })) return refused(400, 'The request cannot be upgraded');
  // Bun has answered already, and wants nothing from its handler.
  return { response: undefined as unknown as Response, session: limitMessages(session, plan.maxPayload) };
}

/** Bun's node: modules for sockets, `server.upgrade` for fetch requests. */
export const bunBinding: FibjsBinding = { ...nodeBinding, platform, upgradeRequest };

/** Everything that can be imported by name. */
const fibjs: Entry & {
  readonly bunBinding: typeof bunBinding;
  readonly nodeBinding: typeof nodeBinding;
  readonly websocket: typeof websocket;
} = createEntry(bunBinding, { bunBinding, nodeBinding, websocket });

export * from '../../src/compat/fibjs/index.ts';
/** A message that is read from a stream or written to one. */
export const Message: Entry['Message'] = fibjs.Message;
export type Message = MessageBase;
/** A connection, client or server. */
export const Socket: Entry['Socket'] = fibjs.Socket;
export type Socket = SocketBase;
/** Makes a handler that upgrades requests. In `Bun.serve` it needs {@link websocket}. */
export const upgrade: Entry['upgrade'] = fibjs.upgrade;
/** The `websocket` option of `Bun.serve`, without which no handler can upgrade there. */
export { websocket };
export { fibjs as default };
