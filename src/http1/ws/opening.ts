// The backend of openings over byte streams for the ws-style class: request, response and socket have the shapes of node:http and node:net.

import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { HeaderValues } from '../../handshake/headers.ts';
import type { Backend } from '../../handshake/opening.ts';
import type { Platform } from '../../platform.ts';
import type { Network } from '../network.ts';
import { HttpOpening } from '../opening.ts';
import { createResponseBody } from '../response-body.ts';
import { HttpMessage } from './message.ts';
import { checkField, HttpRequest } from './request.ts';
import { StreamSocket } from './socket.ts';

export function createBackend(network: Network, platform: Platform): Backend<Duplex, ClientRequest, IncomingMessage> {
  return (plan, events) => {
    for (const [name, value] of Object.entries(plan.headers)) checkField(name, value as HeaderValues[string]);
    if (plan.origin) checkField(plan.version === 8 ? 'Sec-WebSocket-Origin' : 'Origin', plan.origin);
    let socket: StreamSocket;
    const opening: HttpOpening = new HttpOpening(network, platform, plan, {
      websocket: events.websocket,
      createBody: createResponseBody,
      onUpgrade({ head }, transport) {
        socket = new StreamSocket(transport, platform);
        const isGoingOn = events.onUpgrade(new HttpMessage({ head, socket }) as never, socket as never);
        request.settle();
        return isGoingOn;
      },
      onResponse(_opening, { head, body }) {
        request.markResponse();
        return events.onResponse(request as never, new HttpMessage({ head, socket: null, body: body! }) as never);
      },
      onOpen: (_transport, result) => events.onOpen(socket as never, result),
      onFail: (error) => events.onFail(error),
    });
    const request: HttpRequest = new HttpRequest(plan.target, opening);
    return {
      request: request as never,
      send: () => void request.end(),
      abort: () => opening.abort(),
    };
  };
}
