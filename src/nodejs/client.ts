// The client's opening handshake over node:http and node:https (RFC 6455 section 4.1), with redirects.
// Functions that a program may replace later are looked up when they are called: hence the default imports.

import { ownOptions } from '../base/options.ts';
import { randomFillSync } from 'node:crypto';
import http, { type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import https from 'node:https';
import net, { type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import { agreeToDeflate, offerDeflate, type DeflateAgreement, type DeflateOptions } from '../deflate/parameters.ts';
import { checkResponse, keyOfBytes, requestHeaders, type Opened } from '../handshake/client.ts';
import { formatExtensions } from '../handshake/extensions.ts';
import type { Target } from '../api/address.ts';
import { clearTimer, setTimer, type Timer } from '../clock.ts';
import { DispatchedRequest, type Dispatcher } from './dispatcher.ts';

/** A handshake to make. */
export interface HandshakePlan {
  readonly target: Target;
  readonly protocols: readonly string[];
  /** 8 or 13. */
  readonly version: 8 | 13;
  readonly origin?: string | undefined;
  /** permessage-deflate to offer. Left out: none. */
  readonly deflate?: DeflateOptions | undefined;
  /** More header fields. Those of the handshake go before them. */
  readonly headers: Readonly<Record<string, unknown>>;
  /** Milliseconds; 0 or left out for no limit. */
  readonly handshakeTimeout?: number | undefined;
  /** Passed on to `http.request` or `https.request`. */
  readonly request: Readonly<Record<string, unknown>>;
  /** Makes the request instead of node:http, and decides how to connect; of `request`, `auth` alone counts. */
  readonly dispatcher?: Dispatcher | undefined;
}

/** What a handshake came to. */
export interface OpenedHandshake {
  /** The subprotocol in use; empty for none. */
  readonly protocol: string;
  /** The response's Sec-WebSocket-Extensions; empty for none. */
  readonly extensions: string;
  /** permessage-deflate, if it is in use. */
  readonly agreement: DeflateAgreement | undefined;
  /** Bytes that came behind the response. */
  readonly head: Uint8Array;
}

/** How a handshake may go. After `onOpen` or `onFail` nothing follows. */
export interface HandshakeEvents {
  /** The response is 101 and about to be checked. @returns Whether to go on. */
  onUpgrade(response: IncomingMessage): boolean;
  /**
   * Another response came. @returns Whether somebody takes care of it; otherwise the handshake fails. Whoever does may still
   * abort, and still hears of errors.
   */
  onResponse(request: ClientRequest, response: IncomingMessage): boolean;
  onOpen(socket: Duplex, opened: OpenedHandshake): void;
  onFail(error: Error): void;
}

/** A handshake under way. */
export interface RunningHandshake {
  readonly request: ClientRequest;
  abort(): void;
}

/** Prepares a request; it starts with `end()`, which is the caller's to call. */
export function startHandshake(given: HandshakePlan, receiver: HandshakeEvents): RunningHandshake {
  const plan = ownOptions(given);
  const key = keyOfBytes(randomFillSync(new Uint8Array(16)));
  const { protocols, version, origin } = plan;
  const extensions = plan.deflate && formatExtensions([offerDeflate(plan.deflate)]);
  const headers = requestHeaders({ key, version, protocols, extensions });
  // Checked by Node.js, whose error programs know.
  if (origin) headers[version === 8 ? 'Sec-WebSocket-Origin' : 'Origin'] = origin;
  const request = makeRequest(plan, headers);
  const expected = { key, protocols, offeredExtensions: plan.deflate !== undefined };
  /** Null once it is over: a program that keeps the request, or the response, shall not keep the WebSocket. */
  let events: HandshakeEvents | null = receiver;
  let timer: Timer;
  const end = (): HandshakeEvents | null => {
    const last = events;
    events = null;
    clearTimer(timer);
    return last;
  };
  const fail = (error: Error): void => {
    const last = end();
    if (last === null) return;
    destroy(request);
    last.onFail(error);
  };

  // Not the `timeout` of node:http, which is idle time by a clock that no program can set.
  if (plan.handshakeTimeout) {
    timer = setTimer(() => fail(new Error('Opening handshake has timed out')), plan.handshakeTimeout);
    request.once('close', () => clearTimer(timer));
  }
  request.on('error', (error) => fail(error));
  request.on('response', (response) => {
    if (events !== null && !events.onResponse(request, response))
      fail(new Error(`Unexpected server response: ${response.statusCode ?? 0}`));
  });
  request.on('upgrade', (response, socket, head) => {
    if (events === null || !events.onUpgrade(response)) return void socket.destroy();
    const check = checkResponse({ status: response.statusCode ?? 0, headers: response.headers }, expected);
    if (!check.accepted) {
      socket.destroy();
      return fail(new Error(check.message));
    }
    let agreement: DeflateAgreement | undefined;
    try {
      agreement = agreementOf(check, plan.deflate);
    } catch {
      socket.destroy();
      return fail(new Error('Invalid Sec-WebSocket-Extensions header'));
    }
    end()?.onOpen(socket, { protocol: check.protocol, extensions: check.extensionsHeader ?? '', agreement, head });
  });
  return {
    request,
    abort(): void {
      end();
      destroy(request);
    },
  };
}

/** What the response says of the only extension that we offer. @throws {Error} when it says what it may not. */
function agreementOf(opened: Opened, deflate: DeflateOptions | undefined): DeflateAgreement | undefined {
  const [answer] = opened.extensions;
  return answer && deflate && agreeToDeflate(answer, deflate);
}

/** Ends a request whatever it is doing. A socket that is about to be handed over is destroyed as well. */
function destroy(request: ClientRequest): void {
  request.on('error', () => {});
  request.destroy();
  if (request.socket && !request.socket.destroyed) request.socket.destroy();
}

function makeRequest(plan: HandshakePlan, own: Record<string, string>): ClientRequest {
  const { dispatcher, target } = plan;
  if (!dispatcher) return (target.isSecure ? https : http).request(requestOptions(plan, own));
  const request = new DispatchedRequest(dispatcher, {
    target,
    headers: { ...plan.headers, ...own },
    auth: authOf(plan),
  });
  // It has what a handshake needs, and what listeners use.
  return request as unknown as ClientRequest;
}

/** Credentials for Basic authentication: those of the options, before those of the address. */
function authOf({ request, target }: HandshakePlan): string | undefined {
  return 'auth' in request ? (request['auth'] as string | undefined) : target.auth;
}

function requestOptions(plan: HandshakePlan, own: Record<string, string>): RequestOptions {
  const { target } = plan;
  const { createConnection, defaultPort } = plan.request as RequestOptions;
  return {
    ...plan.request,
    method: 'GET',
    host: target.host,
    // As in ws: a program's `createConnection` sees it.
    port: target.port === target.defaultPort ? target.port : String(target.port),
    path: target.path,
    socketPath: target.socketPath,
    hostname: undefined,
    protocol: undefined,
    defaultPort: defaultPort || target.defaultPort,
    auth: authOf(plan),
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
