// The request of an opening handshake (RFC 6455 section 4.1) through an undici Dispatcher, in the shape of node:http's ClientRequest.
// undici is not imported: the program brings the object. Handlers of undici 7 and later, and those of undici 6, are both answered.

import { Buffer } from 'node:buffer';
import { EventEmitter } from 'node:events';
import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { Duplex } from 'node:stream';
import { hangUp, type Target } from '../handshake/opening.ts';
import { DispatchedResponse, toRawHeaders, type Controller } from './dispatched-response.ts';
import { defer, nextTick } from '../clock.ts';

/** The members of an undici Dispatcher that we use: Agent, Client, Pool, ProxyAgent, EnvHttpProxyAgent, or one composed of them. */
export interface Dispatcher {
  dispatch(options: object, handler: object): boolean;
}

/** A request to make. */
export interface DispatchPlan {
  readonly target: Target;
  /** All header fields. If names differ only in case, the last one counts. */
  readonly headers: Readonly<Record<string, unknown>>;
  /** `user:password` for Basic authentication. */
  readonly auth: string | undefined;
}

/** Options of `http.request` and `tls.connect` that define how to connect. The dispatcher decides that instead. */
const CONNECTION_OPTIONS: readonly string[] = (
  'agent createConnection proxy lookup family hints localAddress localPort socketPath servername ca cert key pfx passphrase crl dhparam ' +
  'ciphers ecdhCurve sigalgs honorCipherOrder rejectUnauthorized checkServerIdentity secureContext secureOptions secureProtocol ' +
  'session ALPNProtocols minVersion maxVersion minDHSize requestCert maxHeaderSize insecureHTTPParser'
).split(' ');

/** Fields that undici writes itself when it upgrades. */
const UPGRADE_FIELDS: readonly string[] = ['connection', 'upgrade'];

/**
 * Checks the option `dispatcher` against the options that say how to connect, and against the address.
 *
 * @param options The other options. An undefined one does not count.
 * @throws {TypeError} if it is not a dispatcher, or contradicts one of them.
 */
export function checkDispatcher(dispatcher: unknown, options: Readonly<Record<string, unknown>>, target: Target): void {
  if (dispatcher === undefined || dispatcher === null) return;
  if (typeof (dispatcher as Partial<Dispatcher>).dispatch !== 'function') {
    throw new TypeError('dispatcher is not an undici Dispatcher: it has no method dispatch()');
  }
  const other = CONNECTION_OPTIONS.find((name) => options[name] !== undefined);
  if (other !== undefined) {
    throw new TypeError(`The options dispatcher and ${other} exclude each other: the dispatcher decides how to connect`);
  }
  if (target.socketPath !== undefined) {
    throw new TypeError(
      'A ws+unix: address and the option dispatcher exclude each other: use a ws: address and an Agent with connect.socketPath',
    );
  }
}

/**
 * A request through a dispatcher. Emits 'error', 'response', 'socket', 'upgrade' and 'close' as ClientRequest does, never
 * before `end()` has returned.
 */
export class DispatchedRequest extends EventEmitter {
  readonly method = 'GET';
  readonly protocol: string;
  readonly host: string;
  readonly path: string;
  /** Known once the request has its connection. */
  socket: Duplex | null = null;
  destroyed = false;
  readonly #dispatcher: Dispatcher;
  readonly #origin: string;
  readonly #authority: string;
  /** Header fields by lower-case name. */
  readonly #fields = new Map<string, readonly [name: string, value: string | number | readonly string[]]>();
  #controller: Controller | null = null;
  #response: DispatchedResponse | null = null;
  #isSent = false;

  /** @throws {TypeError} for a header field that cannot be sent. */
  constructor(dispatcher: Dispatcher, plan: DispatchPlan) {
    super();
    const { target, headers, auth } = plan;
    this.#dispatcher = dispatcher;
    this.protocol = target.isSecure ? 'https:' : 'http:';
    this.host = target.host;
    this.path = target.path;
    this.#authority = target.authority;
    this.#origin = `${this.protocol}//${target.authority}`;
    this.setHeader('Host', target.authority);
    for (const [name, value] of Object.entries(headers)) this.setHeader(name, value as string);
    if (auth && !this.hasHeader('Authorization')) {
      this.setHeader('Authorization', `Basic ${Buffer.from(auth).toString('base64')}`);
    }
  }

  get headersSent(): boolean {
    return this.#isSent;
  }

  getHeader(name: string): string | number | readonly string[] | undefined {
    return this.#fields.get(name.toLowerCase())?.[1];
  }

  getHeaders(): Record<string, string | number | readonly string[]> {
    return Object.fromEntries(Array.from(this.#fields, ([name, [, value]]) => [name, value]));
  }

  getHeaderNames(): string[] {
    return [...this.#fields.keys()];
  }

  hasHeader(name: string): boolean {
    return this.#fields.has(name.toLowerCase());
  }

  /** @throws {TypeError} as node:http does, and {Error} when the request is on its way. */
  setHeader(name: string, value: string | number | readonly string[]): this {
    this.#checkUnsent('set');
    validateHeaderName(name);
    if (Array.isArray(value)) for (const element of value as readonly string[]) validateHeaderValue(name, element);
    else validateHeaderValue(name, value as string);
    this.#fields.set(name.toLowerCase(), [name, value]);
    return this;
  }

  /** @throws {Error} when the request is on its way. */
  removeHeader(name: string): void {
    this.#checkUnsent('remove');
    this.#fields.delete(name.toLowerCase());
  }

  /** Sends the request. */
  end(): this {
    if (this.#isSent) return this;
    this.#isSent = true;
    // A dispatcher may answer synchronously, before there are listeners.
    nextTick(() => this.#dispatch());
    return this;
  }

  /** Aborts the request. Emits 'error', unless there was a response. */
  destroy(error?: Error): this {
    if (this.destroyed) return this;
    const reason = error ?? hangUp();
    const isAnswered = this.#response !== null || this.socket !== null;
    this.#finish();
    if (this.#response) this.#response.destroy(reason);
    else this.#controller?.abort(reason);
    nextTick(() => {
      if (!isAnswered) this.emit('error', reason);
      this.emit('close');
    });
    return this;
  }

  abort(): void {
    this.destroy();
  }

  #checkUnsent(verb: string): void {
    if (!this.#isSent) return;
    const error = new Error(`Cannot ${verb} headers after they are sent to the client`);
    throw Object.assign(error, { code: 'ERR_HTTP_HEADERS_SENT' });
  }

  #finish(): void {
    this.destroyed = true;
  }

  #dispatch(): void {
    if (this.destroyed) return;
    const options = {
      origin: this.#origin,
      path: this.path,
      method: this.method,
      headers: this.#headersToSend(),
      upgrade: 'websocket',
    };
    try {
      this.#dispatcher.dispatch(options, this.#handler());
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  /** The fields that undici does not write itself. */
  #headersToSend(): Record<string, string | readonly string[]> {
    const headers: Record<string, string | readonly string[]> = {};
    for (const [name, [given, value]] of this.#fields) {
      // A Host field becomes the name for TLS and goes before an agent's own `servername`; undici makes the usual one by itself.
      if (UPGRADE_FIELDS.includes(name) || (name === 'host' && value === this.#authority)) continue;
      // Dispatchers look for `host` in two spellings only.
      headers[name === 'host' ? name : given] = typeof value === 'object' ? value : String(value);
    }
    return headers;
  }

  #handler(): object {
    let legacy: LegacyController | undefined;
    return {
      onRequestStart: (controller: Controller) => this.#start(controller),
      onRequestUpgrade: (controller: Controller, status: number, headers: object, socket: Duplex) =>
        this.#upgrade(status, toRawHeaders(controller.rawHeaders ?? headers), socket),
      onResponseStart: (controller: Controller, status: number, headers: object, message?: string) =>
        this.#respond(controller, status, toRawHeaders(controller.rawHeaders ?? headers), message),
      onResponseData: (controller: Controller, chunk: Uint8Array) => this.#receive(controller, chunk),
      onResponseEnd: () => this.#complete(),
      onResponseError: (_controller: unknown, error: Error) => this.#fail(error),
      // undici 6.
      onConnect: (abort: (reason?: Error) => void) => {
        legacy = new LegacyController(abort);
        this.#start(legacy);
      },
      onUpgrade: (status: number, headers: unknown, socket: Duplex) => this.#upgrade(status, toRawHeaders(headers), socket),
      onHeaders: (status: number, headers: unknown, resume: () => void, message?: string) => {
        legacy!.onResume = resume;
        this.#respond(legacy!, status, toRawHeaders(headers), message);
        return !legacy!.isPaused;
      },
      onData: (chunk: Uint8Array) => {
        this.#receive(legacy!, chunk);
        return !legacy!.isPaused;
      },
      onComplete: () => this.#complete(),
      onError: (error: Error) => this.#fail(error),
    };
  }

  /** The request has a connection, and can be given up from now on. */
  #start(controller: Controller): void {
    if (this.destroyed) controller.abort(hangUp());
    else this.#controller = controller;
  }

  #upgrade(status: number, rawHeaders: readonly string[], socket: Duplex): void {
    if (this.destroyed || status !== 101) {
      socket.on('error', () => {}).destroy();
      // undici upgrades with any status where it has a stream of HTTP/2 (RFC 8441).
      return void this.destroy(new Error(`Unexpected HTTP/2 response: ${status} (the dispatcher must have allowH2 off)`));
    }
    this.#controller = null;
    this.socket = socket;
    this.#tell('socket', socket);
    // undici has put the bytes after the response back into the socket.
    this.#tell('upgrade', new DispatchedResponse({ status, rawHeaders, socket }), socket, Buffer.alloc(0));
  }

  #respond(controller: Controller, status: number, rawHeaders: readonly string[], message: string | undefined): void {
    if (this.destroyed) return controller.abort(hangUp());
    // Other 1xx responses are informational, and the final response follows (RFC 9110 section 15.2).
    if (status === 101) return void this.destroy(new Error('The server switched protocols without an Upgrade header'));
    if (status < 200) return;
    this.#response = new DispatchedResponse({ status, message, rawHeaders, controller });
    this.#tell('response', this.#response);
  }

  #receive(controller: Controller, chunk: Uint8Array): void {
    if (this.destroyed) return;
    if (this.#response?.push(chunk) === false) controller.pause();
  }

  #complete(): void {
    this.#response?.finish();
    if (this.destroyed) return;
    this.#finish();
    this.#tell('close');
  }

  #fail(error: Error): void {
    if (this.destroyed || this.socket) return;
    this.#controller = null;
    this.destroy(error);
  }

  /** Emits an event. undici must not catch an exception of a listener, because it belongs to the program. */
  #tell(event: string, ...values: unknown[]): void {
    try {
      this.emit(event, ...values);
    } catch (error) {
      defer(() => {
        throw error;
      });
    }
  }
}

/** The controller of undici 7, made of the arguments of undici 6. */
class LegacyController implements Controller {
  readonly abort: (reason: Error) => void;
  onResume: () => void = () => {};
  isPaused = false;

  constructor(abort: (reason: Error) => void) {
    this.abort = abort;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.onResume();
  }
}
