// The seam between the fibjs facade and a runtime.

import type { Duplex } from 'node:stream';
import type { DeflateEngine } from '../../deflate/engine.ts';
import type { DeflateAgreement, DeflateOptions } from '../../deflate/parameters.ts';
import type { OpeningEvents, OpeningPlan } from '../../handshake/opening.ts';
import type { Platform, Session } from '../../platform.ts';
import type { ConnectionOptions } from '../../protocol/settings.ts';

/** A resource that may keep the process alive. */
export interface Holder {
  ref?(): unknown;
  unref?(): unknown;
}

/** An opening to start (RFC 6455 section 4.1). */
export interface ConnectPlan extends Pick<OpeningPlan, 'target' | 'protocols' | 'headers'> {
  /** Value of the Origin field; empty for none. */
  readonly origin: string;
  /** permessage-deflate to offer. Left out: none. */
  readonly deflate: DeflateOptions | undefined;
  /** An undici Dispatcher that sends the request. Default: the runtime's own HTTP client. */
  readonly dispatcher: object | undefined;
}

/** A client's connection after its opening handshake. */
export interface OpenedConnection {
  /** The subprotocol in use; empty for none. */
  readonly protocol: string;
  /** The agreement on permessage-deflate, if it is in use. */
  readonly agreement?: DeflateAgreement | undefined;
  /** Bytes that came after the response. Kept. */
  readonly head?: Uint8Array | undefined;
  /** Called once. A runtime that implements the protocol itself uses the options that it supports. */
  createSession(options: ConnectionOptions): Session;
}

/** Events of an opening. `onOpen` or `onFail` is the last one. After `abort` there are none. */
export interface ConnectEvents {
  /** The connection has a resource that may keep the process alive. */
  onHolder(holder: Holder): void;
  /** The `Set-Cookie` fields of the response, whatever its status. */
  onCookies(cookies: readonly string[]): void;
  onOpen(opened: OpenedConnection): void;
  onFail(error: Error): void;
}

/** Translates the events of a backend's opening to those of a binding. */
export function openingEvents<Socket, Request, Response>(
  events: ConnectEvents,
  cookiesOf: (response: Response) => readonly string[],
  createSession: (socket: Socket, options: ConnectionOptions) => Session,
): OpeningEvents<Socket, Request, Response> {
  return {
    onUpgrade(response) {
      events.onCookies(cookiesOf(response));
      return true;
    },
    onResponse(_request, response) {
      events.onCookies(cookiesOf(response));
      return false;
    },
    onOpen: (socket, result) => events.onOpen({ ...result, createSession: (options) => createSession(socket, options) }),
    onFail: (error) => events.onFail(error),
  };
}

/** How to accept a request that the runtime upgrades itself. */
export interface UpgradePlan {
  /** The subprotocol in use; empty for none. */
  readonly protocol: string;
  readonly perMessageDeflate: boolean;
  /** Largest message, in bytes; 0 for no limit. */
  readonly maxPayload: number;
}

/** A request that the runtime has upgraded. */
export interface UpgradedRequest {
  /** Result of the fetch handler. */
  readonly response: Response;
  /**
   * The facade attaches and starts it. A promise if the connection opens after the response was returned; it rejects if the connection
   * does not open.
   */
  readonly session: Session | PromiseLike<Session>;
  readonly holder?: Holder | undefined;
}

/** The runtime, for `createFibjs`. A program that asks for a feature that is left out gets an error or a refusal with the reason. */
export interface FibjsBinding {
  readonly platform: Platform;
  /** Left out: no compression. */
  deflateEngine?(): DeflateEngine;
  /** Starts to connect. @throws {Error} when a header field cannot be sent: the program's bug. */
  connect(plan: ConnectPlan, events: ConnectEvents): { abort(): void };
  /** Makes a session over the socket of an 'upgrade' event, after the response was written. Left out: there are no such events. */
  createSession?(socket: Duplex, options: ConnectionOptions): Session;
  /**
   * Upgrades a fetch request that was checked to be an opening handshake. Left out: the runtime cannot.
   *
   * @param context The arguments that the runtime passed to the fetch handler after the request.
   */
  upgradeRequest?(request: Request, plan: UpgradePlan, context: readonly unknown[]): UpgradedRequest;
  /**
   * Whether the runtime hides Connection, Sec-WebSocket-Key and Sec-WebSocket-Version of a fetch request, and checks them itself.
   * Default false.
   */
  readonly hidesHandshakeFields?: boolean;
}
