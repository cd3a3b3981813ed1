// A client's opening handshake (RFC 6455 section 4.1): the contract between an API and its backend, the HTTP implementation that
// carries the opening out. `OpeningState` is the part that all backends share: the offer, the time limit and the check of the response.

import { ownOptions } from '../base/options.ts';
import type { Handshake as Observed } from '../base/meter.ts';
import { totals } from '../base/totals.ts';
import { agreeToDeflate, offerDeflate, type DeflateAgreement, type DeflateOptions } from '../deflate/parameters.ts';
import { checkResponse, keyOfBytes, type Handshake, type HandshakeResponse } from './client.ts';
import { formatExtensions } from './extensions.ts';

/** Where a client connects to: a parsed URL. */
export interface Target {
  /** As `url` shows it; `http:` and `https:` have become `ws:` and `wss:`. */
  readonly href: string;
  readonly isSecure: boolean;
  /** Host and, unless it is the scheme's, port; with `ws+unix:` the path of the socket. */
  readonly authority: string;
  /** Host name or IP address, the latter without brackets. */
  readonly host: string;
  readonly port: number;
  readonly defaultPort: number;
  /** Path and query. */
  readonly path: string;
  /** Path of a Unix domain socket, for `ws+unix:`. */
  readonly socketPath: string | undefined;
  /** `user:password` of the URL. */
  readonly auth: string | undefined;
}

/** Node.js's error for a connection that ends without a response. */
export function hangUp(): Error {
  return Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
}

/** The error for a response other than 101, by which the server refuses the opening handshake. */
export interface RefusalError extends Error {
  /** Status code of the response, for example 503. */
  readonly status: number;
  /** Its Retry-After field (RFC 9110 section 10.2.3), as the server sent it. */
  readonly retryAfter: string | undefined;
}

/** An opening handshake to make. */
export interface OpeningPlan {
  readonly target: Target;
  /** Subprotocols to offer, the preferred one first. */
  readonly protocols: readonly string[];
  /** Default 13. */
  readonly version?: 8 | 13 | undefined;
  readonly origin?: string | undefined;
  /** permessage-deflate to offer. Left out: none. */
  readonly deflate?: DeflateOptions | undefined;
  /** More header fields. Those of the handshake go before them. */
  readonly headers: Readonly<Record<string, unknown>>;
  /** Milliseconds for all of it, TCP and TLS included; 0 or left out for no limit. */
  readonly handshakeTimeout?: number | undefined;
  /**
   * Options of TLS, and of the HTTP request, by Node.js's names. A backend reads those that it knows. All read `auth`, which is
   * `user:password` for Basic authentication (RFC 7617). Default: those of the target.
   */
  readonly options?: Readonly<Record<string, unknown>> | undefined;
}

/** A plan as a backend reads it. Neither the plan nor its `options` inherit from a polluted Object.prototype. */
export function readPlan(given: OpeningPlan): OpeningPlan & { readonly options: Readonly<Record<string, unknown>> } {
  return ownOptions({ ...given, options: ownOptions(given.options) });
}

/** The credentials to send: those of the options, before those of the address. */
export function credentialsOf({ options, target }: OpeningPlan): string | undefined {
  return (options?.['auth'] as string | undefined) ?? target.auth;
}

/** The agreement of both sides. */
export interface OpeningResult {
  /** The subprotocol in use; empty for none. */
  readonly protocol: string;
  /** The response's Sec-WebSocket-Extensions; empty for none. */
  readonly extensions: string;
  /** permessage-deflate, if it is in use. */
  readonly agreement: DeflateAgreement | undefined;
  /** Bytes after the response. They belong to the receiver. */
  readonly head: Uint8Array;
}

/**
 * The events of an opening. They come after the backend has returned. After `onOpen`, `onFail` and `abort()` nothing follows.
 *
 * An exception of a listener is uncaught, and the opening waits for its time limit.
 */
export interface OpeningEvents<Socket, Request, Response> {
  /** The WebSocket of the program, for observers. */
  readonly websocket?: object | undefined;
  /** The response is 101 and about to be checked. @returns Whether to go on; if not, the opening is aborted. */
  onUpgrade(response: Response, socket: Socket): boolean;
  /**
   * Another response came.
   *
   * @returns Whether the program takes it. Otherwise the opening fails. If it does, it may still abort, and errors are still reported.
   */
  onResponse(request: Request, response: Response): boolean;
  /** The WebSocket is open. Read from the socket, or make a session over it, before returning. */
  onOpen(socket: Socket, result: OpeningResult): void;
  onFail(error: Error): void;
}

/** An opening under way. */
export interface Opening<Request = unknown> {
  /** The request, as the program gets it. */
  readonly request: Request;
  /** Sends the request. Nothing is sent before. */
  send(): void;
  /** Closes the connection. No event follows. Does nothing once the WebSocket is open. */
  abort(): void;
}

/**
 * Prepares an opening, and starts to connect.
 *
 * @throws {Error} if a header field or an option cannot be used.
 */
export type Backend<Socket, Request, Response> = (
  plan: OpeningPlan,
  events: OpeningEvents<Socket, Request, Response>,
) => Opening<Request>;

/** Functions that an {@link OpeningState} gets from its backend. */
export interface OpeningResources {
  /** 16 unpredictable bytes (RFC 6455 section 4.1, step 7). */
  readonly nonce: Uint8Array;
  /** The runtime's timers. */
  readonly timers: {
    setTimer(task: () => void, milliseconds: number): unknown;
    clearTimer(timer: never): void;
    /** Milliseconds, for differences. */
    elapsed(): number;
  };
  /** Closes the connection, in any state. */
  drop(): void;
}

/** The state of an opening in every backend. After its last event it no longer refers to its event receiver. */
export class OpeningState<Socket, Request, Response> {
  /** The fields of the request. The backend adds `origin`. */
  readonly handshake: Handshake & { readonly key: string };
  readonly #plan: OpeningPlan;
  readonly #resources: OpeningResources;
  /** Null once it is over: a program that keeps the request, or the response, must not keep the WebSocket. */
  #events: OpeningEvents<Socket, Request, Response> | null;
  #timer: unknown;
  readonly #begin: number;
  /** The message of observers about this opening. */
  #observed: Observed | null;

  constructor(plan: OpeningPlan, events: OpeningEvents<Socket, Request, Response>, resources: OpeningResources) {
    this.#plan = plan;
    this.#events = events;
    this.#resources = resources;
    this.#begin = resources.timers.elapsed();
    const { protocols, version, deflate } = plan;
    const extensions = deflate && formatExtensions([offerDeflate(deflate)]);
    this.handshake = { key: keyOfBytes(resources.nonce), version, protocols, extensions };
    this.#observed = { url: plan.target.href, websocket: events.websocket };
    totals.client?.watch.observer?.begin(this.#observed, () => {});
  }

  get isOver(): boolean {
    return this.#events === null;
  }

  /** Starts the time limit. */
  start(): void {
    const { handshakeTimeout } = this.#plan;
    if (!handshakeTimeout) return;
    const expire = (): void => this.fail(new Error('Opening handshake has timed out'));
    this.#timer = this.#resources.timers.setTimer(expire, handshakeTimeout);
  }

  /**
   * The response is 101.
   *
   * @param response The response, as the program gets it.
   * @param fields The same, as it is checked.
   * @param rest Bytes that came behind it. Kept.
   */
  upgrade(response: Response, fields: HandshakeResponse, socket: Socket, rest: Uint8Array): void {
    // The backend may have reported while it was being told to stop.
    if (this.#events === null) return this.#resources.drop();
    this.#observed!.response = response;
    if (!this.#events.onUpgrade(response, socket)) return this.abort();
    const { protocols, deflate } = this.#plan;
    const expected = { key: this.handshake.key, protocols, offeredExtensions: deflate !== undefined };
    const check = checkResponse(fields, expected);
    if (!check.accepted) return this.fail(new Error(check.message));
    let agreement: DeflateAgreement | undefined;
    try {
      const [answer] = check.extensions;
      agreement = answer && deflate && agreeToDeflate(answer, deflate);
    } catch {
      return this.fail(new Error('Invalid Sec-WebSocket-Extensions header'));
    }
    const { protocol, extensionsHeader: extensions = '' } = check;
    const events = this.end();
    if (events === null) return;
    totals.client?.shaken(this.#resources.timers.elapsed() - this.#begin);
    events.onOpen(socket, { protocol, extensions, agreement, head: rest });
  }

  /** Another response came. @param retryAfter Its Retry-After field. */
  respond(request: Request, response: Response, status: number, retryAfter: string | undefined): void {
    if (this.#events === null) return;
    this.#observed!.response = response;
    if (this.#events.onResponse(request, response)) return;
    const error: RefusalError = Object.assign(new Error(`Unexpected server response: ${status}`), { status, retryAfter });
    this.fail(error);
  }

  /** Gives up, as if the connection had failed. */
  fail(error: Error): void {
    const events = this.end({ error });
    if (events === null) return;
    totals.client?.tally('failed', error);
    this.#resources.drop();
    events.onFail(error);
  }

  abort(): void {
    if (this.end({ reason: 'aborted' }) !== null) this.#resources.drop();
  }

  /**
   * Ends it without an event.
   *
   * @param outcome For observers, unless it has succeeded.
   * @returns The receiver of the events, null when it was over before.
   */
  end(outcome?: Pick<Observed, 'error' | 'reason'>): OpeningEvents<Socket, Request, Response> | null {
    const events = this.#events;
    const observed = this.#observed;
    this.#events = this.#observed = null;
    if (observed !== null) totals.client?.watch.observer?.end(Object.assign(observed, outcome));
    this.stopTimer();
    return events;
  }

  /** Ends the time limit alone. */
  stopTimer(): void {
    if (this.#timer !== undefined) this.#resources.timers.clearTimer(this.#timer as never);
    this.#timer = undefined;
  }
}
