// Entry point of wasock/fibjs in workers: the `ws` module of fibjs, with fetch handlers and clients over sockets. On workerd it
// needs the compatibility flag `nodejs_compat`.

import { DEFAULT_HANDSHAKE_TIMEOUT } from '../../src/base/options.ts';
import { connect as connectSocket } from 'cloudflare:sockets';
import {
  openingEvents,
  type ConnectEvents,
  type ConnectPlan,
  type FibjsBinding,
  type UpgradedRequest,
  type UpgradePlan,
} from '../../src/compat/fibjs/binding.ts';
import { createEntry, type Entry } from '../../src/compat/fibjs/create.ts';
import type { MessageBase } from '../../src/compat/fibjs/message.ts';
import type { SocketBase } from '../../src/compat/fibjs/socket.ts';
import { createBackend, type HttpResponse } from '../../src/http1/opening.ts';
import { createStreamSession } from '../../src/http1/runtime.ts';
import { bufferPlatform as platform } from './buffers.ts';
import { deflateEngine } from './deflate-engine.ts';
import { createNetwork } from './network.ts';
import { acceptUpgrade } from './upgrade.ts';

/** One cookie in a line, because its date may have a comma. */
function cookiesOf({ head: { rawHeaders } }: HttpResponse): readonly string[] {
  return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1].toLowerCase() === 'set-cookie');
}

const startOpening = createBackend(createNetwork(connectSocket, platform), platform);

function connect(plan: ConnectPlan, events: ConnectEvents): { abort(): void } {
  const { dispatcher, origin, ...others } = plan;
  if (dispatcher !== undefined) {
    throw new TypeError('httpClient: a worker has no sockets for an undici Dispatcher. Pass a cookie jar');
  }
  const opening = startOpening(
    { ...others, origin: origin || undefined, handshakeTimeout: DEFAULT_HANDSHAKE_TIMEOUT },
    openingEvents(events, cookiesOf, (stream, options) => createStreamSession(platform, stream, options)),
  );
  opening.send();
  return opening;
}

/** The runtime implements the protocol. It decides about compression. workerd accepts messages of at most 32 MiB. */
function upgradeRequest(request: Request, { protocol, maxPayload }: UpgradePlan): UpgradedRequest {
  const accepted = acceptUpgrade(request, { maxPayload, handleProtocols: () => protocol });
  // The facade has checked the request already.
  if ('socket' in accepted) throw new TypeError('The request is not an opening handshake');
  return accepted;
}

/** TCP sockets for clients, a WebSocketPair for fetch requests. There are no `upgrade` events. */
export const edgeBinding: FibjsBinding = { platform, deflateEngine, connect, upgradeRequest, hidesHandshakeFields: true };

/** Everything that can be imported by name. */
const fibjs: Entry & { readonly edgeBinding: typeof edgeBinding } = createEntry(edgeBinding, { edgeBinding });

export * from '../../src/compat/fibjs/exports.ts';
/** A message that is read from a stream or written to one. */
export const Message: Entry['Message'] = fibjs.Message;
export type Message = MessageBase;
/** A connection, client or server. A client lives no longer than the request that made it. */
export const Socket: Entry['Socket'] = fibjs.Socket;
export type Socket = SocketBase;
/** Makes a handler that upgrades requests: call it in `fetch`. */
export const upgrade: Entry['upgrade'] = fibjs.upgrade;

export { fibjs as default };
