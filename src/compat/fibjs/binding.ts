// What a runtime lends to the fibjs facade. Types only.

import type { Duplex } from 'node:stream';
import type { Target } from '../../api/address.ts';
import type { DeflateEngine } from '../../deflate/engine.ts';
import type { DeflateAgreement, DeflateOptions } from '../../deflate/parameters.ts';
import type { Platform, Session } from '../../platform.ts';
import type { SessionOptions } from '../../protocol/session-options.ts';

/** Something that may keep the process alive. */
export interface Holder {
  ref?(): unknown;
  unref?(): unknown;
}

/** A client's opening handshake to make (RFC 6455 section 4.1). */
export interface ConnectPlan {
  readonly target: Target;
  /** Subprotocols, the most wanted first. */
  readonly protocols: readonly string[];
  /** Empty for none. */
  readonly origin: string;
  /** permessage-deflate to offer. Left out: none. */
  readonly deflate: DeflateOptions | undefined;
  /** More header fields; a `Cookie` field is in it already. */
  readonly headers: Readonly<Record<string, unknown>>;
  /** An undici Dispatcher to send the request through. Left out: the runtime's own way. */
  readonly dispatcher: object | undefined;
}

/** A client's connection whose opening handshake is done. */
export interface OpenedConnection {
  /** The subprotocol in use; empty for none. */
  readonly protocol: string;
  /** permessage-deflate, if it is in use. */
  readonly agreement?: DeflateAgreement | undefined;
  /** Bytes that came behind the response. Kept. */
  readonly head?: Uint8Array | undefined;
  /** Called once. A runtime with a WebSocket of its own wraps that, and takes of the options what it can. */
  createSession(options: SessionOptions): Session;
}

/** What becomes of a {@link ConnectPlan}. After `onOpen` or `onFail` nothing follows; after `abort` neither comes. */
export interface ConnectEvents {
  /** The connection has something that can be kept from holding the process. */
  onHolder(holder: Holder): void;
  /** The `Set-Cookie` fields of the response, whatever its status. */
  onCookies(cookies: readonly string[]): void;
  onOpen(opened: OpenedConnection): void;
  onFail(error: Error): void;
}

/** How to accept a request that the runtime upgrades by itself. */
export interface UpgradePlan {
  /** The subprotocol to answer with; empty for none. */
  readonly protocol: string;
  readonly perMessageDeflate: boolean;
  /** Largest message, in bytes; 0 for no limit. */
  readonly maxPayload: number;
}

/** A request that the runtime has upgraded. */
export interface UpgradedRequest {
  /** What the fetch handler returns. */
  readonly response: Response;
  /**
   * Not attached and not started: the facade does both. A promise where the connection opens once the response is returned; it
   * rejects when that never happens.
   */
  readonly session: Session | PromiseLike<Session>;
  readonly holder?: Holder | undefined;
}

/** What `createFibjs` needs. Whatever is left out is refused with a reason when a program asks for it. */
export interface FibjsBinding {
  readonly platform: Platform;
  /** Left out: nothing is compressed, and no compressed message is read. */
  deflateEngine?(): DeflateEngine;
  /** Starts to connect. @throws {Error} when a header cannot be sent: the program's bug. */
  connect(plan: ConnectPlan, events: ConnectEvents): { abort(): void };
  /** Makes a session over the socket of an `upgrade` event, once the answer is written. Left out: there are no such events. */
  createSession?(socket: Duplex, options: SessionOptions): Session;
  /**
   * Upgrades a fetch request that has been found to be an opening handshake. Left out: the runtime cannot.
   *
   * @param context What the runtime passed to the fetch handler behind the request.
   */
  upgradeRequest?(request: Request, plan: UpgradePlan, context: readonly unknown[]): UpgradedRequest;
  /**
   * Whether the runtime checks Connection, Sec-WebSocket-Key and Sec-WebSocket-Version of a fetch request itself, because it does
   * not show them. Default false.
   */
  readonly hidesHandshakeFields?: boolean;
}
