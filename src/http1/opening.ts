// The backend of client openings over a runtime's byte streams: from the connection to the end of the response's head.
// Error texts are those of ws 8 over node:http, because programs know them.

import { encodeBase64 } from '../handshake/base64.ts';
import { formatRequestHead, requestHeaders, type Handshake } from '../handshake/client.ts';
import { listContains } from '../handshake/grammar.ts';
import type { HeaderValues } from '../handshake/headers.ts';
import { responseHeadParser, type ResponseHead } from '../handshake/http-head.ts';
import {
  credentialsOf,
  hangUp,
  OpeningState,
  readPlan,
  type Opening,
  type OpeningEvents,
  type OpeningPlan,
  type Target,
} from '../handshake/opening.ts';
import type { Platform } from '../platform.ts';
import { guard } from '../base/guard.ts';
import { HeadReader } from './head.ts';
import type { Network, ByteStream } from './network.ts';
import type { createResponseBody, ResponseBody } from './response-body.ts';
import { encodeLatin1, encodeUtf8 } from './text.ts';
import { readClientTls } from './tls.ts';

/** A response to an opening. */
export interface HttpResponse {
  readonly head: ResponseHead;
  /** null for 101, and without {@link HttpOpeningEvents.createBody}. */
  readonly body: ResponseBody | null;
}

export interface HttpOpeningEvents extends OpeningEvents<ByteStream, HttpOpening, HttpResponse> {
  /** Lets the program read the body of a response that is no 101. Left out: no body is read, and its code is not loaded. */
  readonly createBody?: typeof createResponseBody;
}

/** `headers` with credentials for Basic authentication (RFC 7617), unless they have some. @param auth `user:password`. */
export function withCredentials(platform: Platform, headers: HeaderValues, auth: string | undefined): HeaderValues {
  const isGiven = Object.entries(headers).some(
    ([name, value]) => name.toLowerCase() === 'authorization' && value !== undefined,
  );
  if (!auth || isGiven) return headers;
  return { ...headers, Authorization: `Basic ${encodeBase64(encodeUtf8(platform, auth))}` };
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

/** An opening under way. It is its own request. */
export class HttpOpening implements Opening<HttpOpening> {
  /** The handshake's own header fields. */
  readonly fields: Readonly<Record<string, string>>;
  /** The other header fields of the plan, with its credentials. */
  readonly headers: HeaderValues;
  readonly #platform: Platform;
  readonly #target: Target;
  readonly #handshake: Handshake & { readonly host: string };
  readonly #state: OpeningState<ByteStream, HttpOpening, HttpResponse>;
  readonly #connecting: { abort(): void };
  readonly #createBody: HttpOpeningEvents['createBody'];
  #head: string;
  #mayWrite = false;
  #hasWritten = false;
  #transport: ByteStream | null = null;
  #reader: HeadReader<ResponseHead> | null = null;
  #body: ResponseBody | null = null;

  /** Starts to connect. @throws {TypeError | UsageError} when a header field or an option cannot be used. */
  constructor(network: Network, platform: Platform, given: OpeningPlan, events: HttpOpeningEvents) {
    const plan = readPlan(given);
    const { target, origin } = plan;
    this.#platform = platform;
    this.#target = target;
    this.#createBody = events.createBody;
    this.#state = new OpeningState(plan, events, { nonce: nonceOf(platform), timers: platform, drop: () => this.#drop() });
    this.#handshake = { ...this.#state.handshake, origin, host: hostOf(target) };
    this.fields = requestHeaders(this.#handshake);
    this.headers = withCredentials(platform, plan.headers as HeaderValues, credentialsOf(plan));
    this.#head = this.#format(this.headers);
    const tls = readClientTls(plan.options, network.isTrustDemanded?.());
    const way = (plan.options['proxy'] ?? network) as Network;
    this.#connecting = way.connect(
      { host: target.host, port: target.port, path: target.socketPath, tls: target.isSecure ? tls : undefined },
      { onConnect: (transport) => this.#onConnect(transport), onError: (error) => guard(platform, () => this.fail(error)) },
      network,
    );
    this.#state.start();
  }

  get request(): this {
    return this;
  }

  /**
   * Sends the request, as soon as there is a connection.
   *
   * @param headers Replaces {@link headers}.
   * @throws {UsageError} when one of them could forge another line.
   */
  send(headers?: HeaderValues): void {
    if (headers !== undefined) this.#head = this.#format(headers);
    this.#mayWrite = true;
    this.#write();
  }

  abort(): void {
    this.#state.abort();
  }

  /** Aborts, as if the connection had failed. */
  fail(error: Error): void {
    this.#state.fail(error);
  }

  #drop(): void {
    this.#head = '';
    this.#reader?.stop();
    if (this.#transport === null) this.#connecting.abort();
    else this.#transport.destroy();
    this.#body?.abort(new Error('aborted'));
  }

  #format(headers: HeaderValues): string {
    return formatRequestHead({ ...this.#handshake, target: this.#target.path, headers });
  }

  #onConnect(transport: ByteStream): void {
    if (this.#state.isOver) return transport.destroy();
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
    if (!this.#mayWrite || this.#hasWritten || this.#state.isOver || this.#transport === null) return;
    this.#hasWritten = true;
    this.#transport.write([encodeLatin1(this.#platform, this.#head)], () => {});
    this.#head = '';
  }

  #onHead(transport: ByteStream, head: ResponseHead, rest: Uint8Array): void {
    const { status, headers } = head;
    // As in node:http, a 101 without these fields is a response like others.
    if (status === 101 && headers.has('upgrade') && listContains(headers.get('connection') ?? '', 'upgrade')) {
      this.#state.upgrade({ head, body: null }, { status, headers: (name) => headers.get(name) }, transport, rest);
    } else {
      const init = { head, rest, onOver: () => void this.#state.end({ reason: 'refused' }) };
      this.#body = this.#createBody?.(transport, this.#platform, init) ?? null;
      this.#state.respond(this, { head, body: this.#body }, status, headers.get('retry-after'));
    }
  }
}

/** The backend over `network`. */
export function createBackend(
  network: Network,
  platform: Platform,
): (plan: OpeningPlan, events: HttpOpeningEvents) => HttpOpening {
  return (plan, events) => new HttpOpening(network, platform, plan, events);
}
