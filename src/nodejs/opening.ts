// The backend of client openings over node:http and node:https.
// Functions that a program may replace later are looked up when they are called: hence the default imports.

import { ownOptions } from '../base/options.ts';
import { randomFillSync } from 'node:crypto';
import http, { type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import https from 'node:https';
import net, { type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import { requestHeaders } from '../handshake/client.ts';
import {
  credentialsOf,
  hangUp,
  OpeningState,
  readPlan,
  type Opening,
  type OpeningEvents,
  type OpeningPlan,
} from '../handshake/opening.ts';
import { clearTimer, elapsed, setTimer } from '../clock.ts';
import type { ProxyConnector } from '../proxy/connector.ts';
import { proxyFromNode } from './proxies.ts';
import { DispatchedRequest, type Dispatcher } from './dispatcher.ts';

/** An opening over node:http. */
export type NodeOpening = Opening<ClientRequest>;
export type NodeOpeningEvents = OpeningEvents<Duplex, ClientRequest, IncomingMessage>;

/**
 * A {@link Backend} over node:http. The plan's `options` are passed on to `http.request` or `https.request`, but for `dispatcher`: an undici
 * Dispatcher that makes the request instead, and decides how to connect; and `proxy`, which makes the connection.
 */
export function startOpening(given: OpeningPlan, events: NodeOpeningEvents): NodeOpening {
  const plan = readPlan(given);
  const { origin, version } = plan;
  let upgraded: Duplex | undefined;
  const state = new OpeningState(plan, events, {
    nonce: randomFillSync(new Uint8Array(16)),
    timers: { setTimer, clearTimer, elapsed },
    drop() {
      destroy(request);
      upgraded?.destroy();
    },
  });
  const headers = requestHeaders(state.handshake);
  // Node.js checks it, because programs know its error.
  if (origin) headers[version === 8 ? 'Sec-WebSocket-Origin' : 'Origin'] = origin;
  const request = makeRequest(plan, headers);
  // Not the `timeout` of node:http, which is idle time by a clock that no program can set.
  state.start();
  let hasResponse = false;
  // `request.abort()` before there is a socket emits 'close' and no 'error'.
  request.once('close', () => (hasResponse ? state.stopTimer() : state.fail(hangUp())));
  request.on('error', (error) => state.fail(error));
  request.on('response', (response) => {
    hasResponse = true;
    state.respond(request, response, response.statusCode ?? 0, response.headers['retry-after']);
  });
  request.on('upgrade', (response, socket, head) => {
    upgraded = socket;
    state.upgrade(response, { status: response.statusCode ?? 0, headers: response.headers }, socket, head);
  });
  return {
    request,
    send: () => void request.end(),
    abort: () => state.abort(),
  };
}

/** Ends a request in any state. A socket that is about to be handed over is destroyed as well. */
function destroy(request: ClientRequest): void {
  request.on('error', () => {});
  request.destroy();
  if (request.socket && !request.socket.destroyed) request.socket.destroy();
}

function makeRequest(plan: OpeningPlan, own: Record<string, string>): ClientRequest {
  const { target, options } = plan;
  const dispatcher = options?.['dispatcher'] as Dispatcher | null | undefined;
  const { request: send } = target.isSecure ? https : http;
  const proxy = (options?.['proxy'] as ProxyConnector | undefined) ?? proxyFromNode(target, options ?? {});
  if (!dispatcher && proxy) return requestThrough(proxy, send, plan, requestOptions(plan, own));
  if (!dispatcher) return send(requestOptions(plan, own));
  const request = new DispatchedRequest(dispatcher, {
    target,
    headers: { ...plan.headers, ...own },
    auth: credentialsOf(plan),
  });
  // It has the members that a handshake needs, and those that listeners use.
  return request as unknown as ClientRequest;
}

type Created = (error: Error | null, socket?: Socket) => void;

/** A request over a connection that `proxy` makes. */
function requestThrough(
  proxy: ProxyConnector,
  send: typeof http.request,
  plan: OpeningPlan,
  options: RequestOptions,
): ClientRequest {
  const { target } = plan;
  const connectDirectly = options.createConnection as (given: RequestOptions) => Socket;
  let given: RequestOptions = options;
  let created!: Created;
  // node:http calls it within request(), and would make an event of an exception.
  const createConnection = (own: RequestOptions, callback: Created): void => {
    given = own;
    created = callback;
  };
  const request = send({ ...options, createConnection } as RequestOptions);
  const { host, port, socketPath: path, isSecure } = target;
  const tunnel = proxy.connect(
    { host, port, path, tls: isSecure ? given : undefined },
    {
      onConnect(socket: Socket): void {
        // It is paused, and node:http does not resume it.
        request.once('socket', () => socket.resume());
        created(null, socket);
      },
      onError: (error: Error) => created(error),
    },
    {
      connect(): { abort(): void } {
        try {
          created(null, connectDirectly(given));
        } catch (error) {
          // As without a proxy: an option that cannot be used is an 'error' event.
          created(error as Error);
        }
        return { abort() {} };
      },
    },
  );
  // node:http does not say that a request was destroyed which has no socket yet.
  const { destroy: destroyRequest } = request;
  request.destroy = (error) => {
    tunnel.abort();
    if (!request.socket) created(error ?? hangUp());
    return destroyRequest.call(request, error);
  };
  return request;
}

function requestOptions(plan: OpeningPlan, own: Record<string, string>): RequestOptions {
  const { target } = plan;
  const {
    dispatcher: _dispatcher,
    proxy: _proxy,
    ...others
  } = (plan.options ?? {}) as RequestOptions & Record<string, unknown>;
  const options = ownOptions(others);
  const { createConnection, defaultPort } = options;
  return {
    ...options,
    method: 'GET',
    host: target.host,
    // As in ws: a program's `createConnection` sees it.
    port: target.port === target.defaultPort ? target.port : String(target.port),
    path: target.path,
    socketPath: target.socketPath,
    hostname: undefined,
    protocol: undefined,
    defaultPort: defaultPort || target.defaultPort,
    auth: credentialsOf(plan),
    headers: { ...(plan.headers as Record<string, string>), ...own },
    createConnection: createConnection || (target.isSecure ? connectTls : connectPlain),
  } as RequestOptions;
}

type ConnectionOptions = RequestOptions & { servername?: string; path?: string | undefined };

function connectPlain(options: ConnectionOptions): Socket {
  return net.connect({ ...options, path: options.socketPath ?? undefined } as never);
}

function connectTls(options: ConnectionOptions): Socket {
  const host = options.host ?? '';
  const servername = options.servername ?? (net.isIP(host) ? '' : host);
  return tls.connect({ ...options, path: undefined, servername } as never);
}
