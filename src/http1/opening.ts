// The client's opening handshake over raw sockets, RFC 6455 section 4.1: from the connection to the end of the response's head.
// Error texts are those of ws 8 over node:http, because programs know them.

import { ownOptions } from '../base/options.ts';
import type { Target } from '../api/address.ts';
import { agreeToDeflate, offerDeflate, type DeflateAgreement, type DeflateOptions } from '../deflate/parameters.ts';
import { encodeBase64 } from '../handshake/base64.ts';
import { checkResponse, formatRequestHead, keyOfBytes, requestHeaders, type Handshake } from '../handshake/client.ts';
import { formatExtensions } from '../handshake/extensions.ts';
import { listContains } from '../handshake/grammar.ts';
import type { HeaderValues } from '../handshake/headers.ts';
import { responseHeadParser, type ResponseHead } from '../handshake/http-head.ts';
import type { Platform, Timer } from '../platform.ts';
import { guard } from '../base/guard.ts';
import { HeadReader } from './head.ts';
import type { ClientTls, Network, ByteStream } from './network.ts';
import { ResponseBody } from './response-body.ts';
import { encodeLatin1, encodeUtf8 } from './text.ts';

/** A handshake to make. */
export interface OpeningPlan {
  readonly target: Target;
  readonly protocols: readonly string[];
  /** 8 or 13. */
  readonly version: 8 | 13;
  readonly origin?: string | undefined;
  /** permessage-deflate to offer. Left out: none. */
  readonly deflate?: DeflateOptions | undefined;
  /** More header fields. Those of the handshake go before them. */
  readonly headers: HeaderValues;
  /** Milliseconds for all of it, TCP and TLS included; 0 or left out for no limit. */
  readonly handshakeTimeout?: number | undefined;
  /** Used with a secure target. */
  readonly tls: ClientTls;
}

/** What a handshake came to. */
export interface Opened {
  /** The subprotocol in use; empty for none. */
  readonly protocol: string;
  /** The response's Sec-WebSocket-Extensions; empty for none. */
  readonly extensions: string;
  /** permessage-deflate, if it is in use. */
  readonly agreement: DeflateAgreement | undefined;
  /** Bytes that came behind the response. The receiver's to keep. */
  readonly head: Uint8Array;
}

/** How a handshake may go. After `onOpen` or `onFail` nothing follows. */
export interface OpeningEvents {
  /** The response is 101 and about to be checked. @returns Whether to go on; if not, it is aborted. */
  onUpgrade(response: ResponseHead, transport: ByteStream): boolean;
  /** Another response came. @returns Whether somebody takes care of it and of its body; otherwise the handshake fails. */
  onResponse(response: ResponseHead, body: ResponseBody, transport: ByteStream): boolean;
  /** The WebSocket is open. Attach another receiver to the transport before returning. It is paused. */
  onOpen(transport: ByteStream, opened: Opened): void;
  onFail(error: Error): void;
}

/** A handshake under way. */
export interface RunningOpening {
  /** The handshake's own header fields. */
  readonly fields: Readonly<Record<string, string>>;
  /**
   * Lets the request go, as soon as there is a connection. Nothing goes before.
   *
   * @param headers In the place of the plan's.
   * @throws {UsageError} when one of them could forge another line.
   */
  send(headers?: HeaderValues): void;
  /** Gives up. Nothing is reported any more. */
  abort(): void;
  /** Gives up, as if the connection had failed. */
  fail(error: Error): void;
}

/** An error as Node.js has it for a server that closes without an answer. */
export function hangUp(): Error {
  return Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
}

/** `headers` with credentials for Basic authentication (RFC 7617), unless they have some. @param auth `user:password`. */
export function withCredentials(platform: Platform, headers: HeaderValues, auth: string | undefined): HeaderValues {
  const isGiven = Object.entries(headers).some(
    ([name, value]) => name.toLowerCase() === 'authorization' && value !== undefined,
  );
  if (auth === undefined || isGiven) return headers;
  return { ...headers, Authorization: `Basic ${encodeBase64(encodeUtf8(platform, auth))}` };
}

/** Starts to connect. @throws {TypeError | UsageError} when a header field or an option cannot be used. */
export function startOpening(network: Network, platform: Platform, plan: OpeningPlan, events: OpeningEvents): RunningOpening {
  return new ClientOpening(network, platform, plan, events);
}

/** Value of Host (RFC 9110 section 7.2). */
function hostOf({ host, port, defaultPort, socketPath }: Target): string {
  if (socketPath !== undefined) return 'localhost';
  return (host.includes(':') ? `[${host}]` : host) + (port === defaultPort ? '' : `:${port}`);
}

/** 16 unpredictable bytes (RFC 6455 section 4.1, step 7). */
function nonceOf(platform: Platform): Uint8Array {
  const words = new Int32Array(4);
  for (let at = 0; at < words.length; at++) words[at] = platform.maskingKey();
  return new Uint8Array(words.buffer);
}

class ClientOpening implements RunningOpening {
  readonly fields: Readonly<Record<string, string>>;
  readonly #platform: Platform;
  readonly #plan: OpeningPlan;
  /** Null once it is over: a program that keeps the request shall not keep the WebSocket. */
  #events: OpeningEvents | null;
  readonly #handshake: Handshake & { readonly host: string };
  readonly #timer: Timer | undefined;
  readonly #connecting: { abort(): void };
  #request: string;
  #mayWrite = false;
  #hasWritten = false;
  #transport: ByteStream | null = null;
  #reader: HeadReader<ResponseHead> | null = null;
  #body: ResponseBody | null = null;

  constructor(network: Network, platform: Platform, given: OpeningPlan, events: OpeningEvents) {
    const plan = ownOptions(given);
    this.#platform = platform;
    this.#plan = plan;
    this.#events = events;
    const { target, protocols, version, origin, deflate, handshakeTimeout = 0 } = plan;
    const extensions = deflate && formatExtensions([offerDeflate(deflate)]);
    const key = keyOfBytes(nonceOf(platform));
    this.#handshake = { key, version, protocols, origin, extensions, host: hostOf(target) };
    this.fields = requestHeaders(this.#handshake);
    this.#request = this.#format(plan.headers);
    this.#connecting = network.connect(
      {
        host: target.host,
        port: target.port,
        path: target.socketPath,
        tls: target.isSecure ? plan.tls : undefined,
      },
      { onConnect: (transport) => this.#onConnect(transport), onError: (error) => guard(platform, () => this.fail(error)) },
    );
    if (handshakeTimeout > 0) {
      this.#timer = platform.setTimer(() => this.fail(new Error('Opening handshake has timed out')), handshakeTimeout);
    }
  }

  send(headers?: HeaderValues): void {
    if (headers !== undefined) this.#request = this.#format(headers);
    this.#mayWrite = true;
    this.#write();
  }

  abort(): void {
    if (this.#events === null) return;
    this.#end();
    this.#reader?.stop();
    if (this.#transport === null) this.#connecting.abort();
    else this.#transport.destroy();
    this.#body?.abort(new Error('aborted'));
  }

  fail(error: Error): void {
    const events = this.#events;
    if (events === null) return;
    this.abort();
    events.onFail(error);
  }

  #format(headers: HeaderValues): string {
    return formatRequestHead({ ...this.#handshake, target: this.#plan.target.path, headers });
  }

  /** Nothing is reported from now on. */
  #end(): void {
    this.#events = null;
    this.#request = '';
    if (this.#timer !== undefined) this.#platform.clearTimer(this.#timer);
  }

  #onConnect(transport: ByteStream): void {
    if (this.#events === null) return transport.destroy();
    this.#transport = transport;
    this.#reader = new HeadReader(transport, this.#platform, {
      parser: responseHeadParser(),
      events: {
        onHead: (head, rest) => this.#onHead(transport, head, rest),
        onRefusal: ({ reason }) => this.fail(new Error(`Parse Error: ${reason}`)),
        onEnd: () => this.fail(hangUp()),
        onClosed: (error) => this.fail(error ?? hangUp()),
      },
    });
    this.#reader.start();
    this.#write();
  }

  #write(): void {
    if (!this.#mayWrite || this.#hasWritten || this.#events === null || this.#transport === null) return;
    this.#hasWritten = true;
    this.#transport.write([encodeLatin1(this.#platform, this.#request)], () => {});
  }

  #onHead(transport: ByteStream, head: ResponseHead, rest: Uint8Array): void {
    const { headers } = head;
    const isUpgrade = head.status === 101 && headers.has('upgrade') && listContains(headers.get('connection') ?? '', 'upgrade');
    if (!isUpgrade) return this.#onResponse(transport, head, rest);
    if (!this.#events?.onUpgrade(head, transport)) return this.abort();
    const { protocols, deflate } = this.#plan;
    const check = checkResponse(
      { status: head.status, headers: (name) => headers.get(name) },
      { key: this.#handshake.key, protocols, offeredExtensions: deflate !== undefined },
    );
    if (!check.accepted) return this.fail(new Error(check.message));
    let agreement: DeflateAgreement | undefined;
    try {
      const [answer] = check.extensions;
      agreement = answer && deflate && agreeToDeflate(answer, deflate);
    } catch {
      return this.fail(new Error('Invalid Sec-WebSocket-Extensions header'));
    }
    const events = this.#events;
    this.#end();
    const { protocol, extensionsHeader: extensions = '' } = check;
    events?.onOpen(transport, { protocol, extensions, agreement, head: rest });
  }

  #onResponse(transport: ByteStream, head: ResponseHead, rest: Uint8Array): void {
    this.#body = new ResponseBody(transport, this.#platform, { head, rest, onOver: () => this.#end() });
    if (this.#events?.onResponse(head, this.#body, transport)) return;
    this.fail(new Error(`Unexpected server response: ${head.status}`));
  }
}
