// fibjs's ws.upgrade and its path table, on an HTTP server of Node.js or in a fetch handler. RFC 6455 section 4.2.

import { checkFlag, readOptions } from '../../base/options.ts';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { UsageError } from '../../base/errors.ts';
import { answerDeflate } from '../../deflate/parameters.ts';
import { formatExtensions } from '../../handshake/extensions.ts';
import { formatHead } from '../../handshake/headers.ts';
import { refuse, type Refusal } from '../../handshake/refusal.ts';
import { acceptanceHead, checkRequest, type AcceptableRequest, type HandshakeRequest } from '../../handshake/server.ts';
import type { Session } from '../../platform.ts';
import { pathOf, refusalFields, refuseProtection, refuseUpgrade } from '../shared/upgrades.ts';
import { Accepted, startLater } from '../shared/sessions.ts';
import type { FibjsBinding, Holder } from './binding.ts';
import { DEFAULT_MAXIMUM_PAYLOAD } from './message.ts';
import type { Connection, SocketBase, SocketClass } from './socket.ts';

/** Members that are added to the request for `accept`. */
export interface RequestMembers {
  /** Path of the request, without the query. */
  readonly address: string;
  /** The first value of a field; undefined without one. The case of `name` does not matter here and below. */
  firstHeader(name: string): string | undefined;
  /** All values of a field, in order. In a fetch handler the runtime has joined them to one value. */
  allHeader(name: string): string[];
  hasHeader(name: string): boolean;
}

/** Options of `upgrade`. */
export interface UpgradeOptions {
  /** Whether to accept permessage-deflate (RFC 7692) if the client offers it. Default false. */
  readonly perMessageDeflate?: boolean | undefined;
  /** Largest message that is accepted, in bytes; 0 for no limit. Default 64 MiB. */
  readonly maxPayload?: number | undefined;
}

/** Receives an open connection. Its messages come after this has returned. */
export type Accept<Message extends IncomingMessage | Request = IncomingMessage> = (
  conn: SocketBase,
  request: Message & RequestMembers,
) => unknown;

/** A handler of requests, which can be mounted in three ways. */
export interface UpgradeHandler {
  /** As a listener of 'upgrade'. */
  (request: IncomingMessage, socket: Duplex, head: Uint8Array): void;
  /** As a listener of 'request': refuses all requests, because they are not upgrades. */
  (request: IncomingMessage, response: ServerResponse): void;
  /** As a fetch handler. Further arguments go to the binding of the runtime. */
  (request: Request, ...context: unknown[]): Response;
}

/** The two functions, bound to a runtime. */
export interface Upgrading {
  upgrade<Message extends IncomingMessage | Request = IncomingMessage>(accept: Accept<Message>): UpgradeHandler;
  upgrade<Message extends IncomingMessage | Request = IncomingMessage>(
    options: UpgradeOptions,
    accept: Accept<Message>,
  ): UpgradeHandler;
}

const NO_UPGRADE_EVENTS = refuse(501, 'This server does not upgrade: the handler has to listen for "upgrade" as well');
const NO_SOCKETS = refuse(501, 'This runtime has no sockets to upgrade');
const NO_FETCH = refuse(501, 'This runtime cannot upgrade a fetch request: listen for "upgrade" on its HTTP server');

/** Sockets that carry a WebSocket already. */
const taken = new WeakSet<object>();

/** Whether a request is one of a fetch handler. */
function isFetchRequest(request: IncomingMessage | Request): request is Request {
  return typeof (request.headers as Partial<Headers>).get === 'function';
}

/** Makes a function that returns the values of a field. Copies those of a fetch request, because Deno drops them at the upgrade. */
function fieldReader(request: IncomingMessage | Request): (name: string) => string[] {
  if (isFetchRequest(request)) {
    const headers = new Headers(request.headers);
    return (name) => [headers.get(name) ?? []].flat();
  }
  const { rawHeaders } = request;
  return (name) => rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1].toLowerCase() === name.toLowerCase());
}

/** Adds the members to `request` itself. Call it before the upgrade. */
function withMembers<Message extends IncomingMessage | Request>(request: Message): Message & RequestMembers {
  const allHeader = fieldReader(request);
  const members: RequestMembers = {
    address: pathOf(request.url ?? ''),
    firstHeader: (name) => allHeader(name).at(0),
    allHeader,
    hasHeader: (name) => allHeader(name).length > 0,
  };
  for (const [name, value] of Object.entries(members)) Object.defineProperty(request, name, { value, configurable: true });
  return request as Message & RequestMembers;
}

/** Refuses a request in the way in which its server needs it. */
function answer(request: IncomingMessage | Request, rest: readonly unknown[], refusal: Refusal): Response | undefined {
  const { status, reason } = refusal;
  const headers = refusalFields(refusal);
  if (isFetchRequest(request)) return new Response(reason, { status, headers });
  const other = rest[0] as ServerResponse | Duplex;
  if ('writeHead' in other) other.writeHead(status, headers).end(reason);
  else refuseUpgrade(other, refusal);
  return undefined;
}

/** A fetch request in the form that {@link checkRequest} reads. */
function readable(request: Request, hidesFields: boolean): HandshakeRequest {
  const { headers, method, url } = request;
  // The runtime has checked the fields that it hides. The values of RFC 6455 section 1.3 stand in for them.
  const hidden: Readonly<Record<string, string>> = {
    connection: 'Upgrade',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'sec-websocket-version': '13',
  };
  return {
    method,
    httpVersion: '1.1',
    headers: (name) => headers.get(name) ?? (name === 'host' ? hostOf(url) : hidesFields ? hidden[name] : undefined),
  };
}

/** The host of a URL; empty if the client sent an invalid one. */
function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : '';
}

class Upgrader {
  readonly #binding: FibjsBinding;
  readonly #Socket: SocketClass;
  readonly #perMessageDeflate: boolean;
  readonly #maxPayload: number;
  readonly #accept: Accept<never>;

  constructor(binding: FibjsBinding, Socket: SocketClass, options: UpgradeOptions, accept: Accept<never>) {
    this.#binding = binding;
    this.#Socket = Socket;
    this.#perMessageDeflate = options.perMessageDeflate ?? false;
    checkFlag('perMessageDeflate', this.#perMessageDeflate);
    this.#maxPayload = options.maxPayload ?? DEFAULT_MAXIMUM_PAYLOAD;
    this.#accept = accept;
  }

  handle(request: IncomingMessage | Request, rest: readonly unknown[]): Response | undefined {
    const { hidesHandshakeFields = false } = this.#binding;
    const check = checkRequest(isFetchRequest(request) ? readable(request, hidesHandshakeFields) : request);
    if (!check.accepted) return answer(request, rest, check);
    withMembers(request);
    if (isFetchRequest(request)) return this.#fetch(check, request, rest);
    if ('writeHead' in (rest[0] as object)) {
      return answer(request, rest, NO_UPGRADE_EVENTS);
    }
    this.#upgrade(check, request, rest[0] as Duplex, rest[1] as Uint8Array);
    return undefined;
  }

  #upgrade(check: AcceptableRequest, request: IncomingMessage, socket: Duplex, head: Uint8Array): void {
    if (!this.#binding.createSession) return refuseUpgrade(socket, NO_SOCKETS);
    if (taken.has(socket)) throw new UsageError('The socket of this request already belongs to a WebSocket');
    if (!socket.readable || !socket.writable) return void socket.destroy();
    taken.add(socket);
    const engine = this.#perMessageDeflate ? this.#binding.deflateEngine?.() : undefined;
    const deflate = engine && answerDeflate(check.extensions, {});
    const [protocol = ''] = check.protocols;
    const lines = acceptanceHead({ key: check.key, protocol, extensions: deflate && formatExtensions([deflate.element]) });
    socket.write(formatHead(lines), 'latin1');
    const compression = engine && deflate ? { engine, agreement: deflate.agreement } : undefined;
    const session = this.#binding.createSession(socket, { role: 'server', maxPayload: this.#maxPayload, compression });
    const scheme = (socket as { encrypted?: boolean }).encrypted ? 'wss' : 'ws';
    const url = `${scheme}://${request.headers.host ?? ''}${request.url ?? ''}`;
    this.#open({ url, origin: check.origin ?? '', protocol, session, holder: socket as Holder }, request, head);
  }

  #fetch(check: AcceptableRequest, request: Request, context: readonly unknown[]): Response {
    if (!this.#binding.upgradeRequest) return answer(request, [], NO_FETCH)!;
    const [protocol = ''] = check.protocols;
    const plan = { protocol, perMessageDeflate: this.#perMessageDeflate, maxPayload: this.#maxPayload };
    const { response, session, holder = {} } = this.#binding.upgradeRequest(request, plan, context);
    const url = request.url.replace(/^http/, 'ws');
    const open = (opened: Session): void =>
      this.#open({ url, origin: check.origin ?? '', protocol, session: opened, holder }, request);
    if (!('then' in session)) open(session);
    // A connection that never opens is ignored. An exception of `accept` is not caught here.
    else void Promise.resolve(session).then(open, () => {});
    return response;
  }

  #open(connection: Connection, request: IncomingMessage | Request, head?: Uint8Array): void {
    const { session } = connection;
    const conn = new this.#Socket(new Accepted(connection));
    try {
      this.#accept(conn, request as never);
    } catch (error) {
      session.terminate();
      throw error;
    }
    startLater(this.#binding.platform, session, head);
  }
}

/** Makes `upgrade` for a runtime. */
export function createUpgrade(binding: FibjsBinding, Socket: SocketClass): Upgrading['upgrade'] {
  return (options: UpgradeOptions | Accept<never>, accept?: Accept<never>): UpgradeHandler => {
    const settings = readOptions(typeof options === 'function' ? null : options);
    refuseProtection(settings);
    const callback = typeof options === 'function' ? options : accept;
    if (typeof callback !== 'function') throw new TypeError('upgrade() takes a function that gets the connection');
    const upgrader = new Upgrader(binding, Socket, settings, callback);
    return ((request: IncomingMessage, ...rest: unknown[]) => upgrader.handle(request, rest)) as UpgradeHandler;
  };
}

/**
 * Makes a handler of a table of paths, as fibjs's `http.Server` takes it. Requests for other paths are refused with 404.
 *
 * @param table Handlers by path, without the query. Case matters.
 * @returns A handler that can be mounted in the same ways as those of the table.
 * @throws {TypeError} when a handler is not a function.
 */
export function route(table: Readonly<Record<string, UpgradeHandler>>): UpgradeHandler {
  const handlers = new Map(Object.entries(table));
  for (const [path, handler] of handlers) {
    if (typeof handler !== 'function') throw new TypeError(`The handler of ${path} must be a function`);
  }
  return ((request: IncomingMessage, ...rest: [socket: Duplex, head: Uint8Array]) => {
    const handler = handlers.get(pathOf(request.url ?? ''));
    return handler ? handler(request, ...rest) : answer(request, rest, refuse(404, 'There is nothing at this path'));
  }) as UpgradeHandler;
}
