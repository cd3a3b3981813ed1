// A WebSocket server in memory, for the code under test and for the test itself.

import { parseAddress } from '../api/address.ts';
import { parseWebSocketUrl } from '../api/w3c/url.ts';
import { refuse as refuseOption } from '../base/options.ts';
import type { ByteStream, Listener } from '../http1/network.ts';
import type { ConnectionOptions } from '../protocol/settings.ts';
import { answer, type Accepted, type Decision, type MockRefusal, type MockRequest } from './accept.ts';
import { network, WebSocket } from './client.ts';
import { MockConnection, type MockData, type MockMessage } from './connection.ts';
import { restoreGlobal, takeGlobal } from './global.ts';
import { Mailbox } from './mailbox.ts';
import type { Link } from './link.ts';
import { linkOf } from './network.ts';
import { nextTurn } from './platform.ts';
import { checkScript, injectFaults, refusalOf, type ConnectionScript } from './script.ts';

/** Options of a {@link MockServer}. */
export interface MockServerOptions extends Pick<ConnectionOptions, 'autoPong' | 'closeTimeout' | 'maxPayload'> {
  /**
   * Whether the global `WebSocket` is the mock's until the server is closed; an object, such as the window of a JSDOM, whose
   * `WebSocket` is replaced. Default true.
   */
  readonly takeGlobal?: boolean | object;
  /** Picks a subprotocol of those that the client offers; undefined for none. Default: the first one. */
  readonly handleProtocols?: (offered: readonly string[], request: MockRequest) => string | undefined;
  /** Declines an opening handshake by an HTTP status, or a response. Default: all are accepted. */
  readonly refuse?: (request: MockRequest) => number | MockRefusal | undefined;
  /** Called with each connection, before its messages. */
  readonly onConnection?: (connection: MockConnection) => void;
  /** Called with each message. */
  readonly onMessage?: (message: MockMessage, connection: MockConnection) => void;
  /** Scripts for the first connections, one each. Connections after them have none. */
  readonly scripts?: readonly ConnectionScript[];
}

/** Decides about the opening handshakes of one path. */
type Decide = (stream: ByteStream, request: MockRequest) => Decision | MockRefusal | undefined;

/** The servers of an address. */
interface Origin {
  readonly listener: Listener;
  /** By path, and query if the URL has one. */
  readonly paths: Map<string, Decide>;
}

/** An address of a server. */
interface Place {
  /** Host and port. */
  readonly origin: string;
  /** With the query, if the URL has one. */
  readonly path: string;
}

function placeOf(url: URL): Place {
  const { host, port } = parseAddress(url);
  return { origin: `${host}:${port}`, path: url.pathname + url.search };
}

/** The object whose `WebSocket` is replaced; undefined for none. */
function scopeOf(given: boolean | object | undefined): object | undefined {
  const scope = given ?? true;
  if (typeof scope === 'boolean') return scope ? globalThis : undefined;
  return typeof scope === 'object' ? scope : refuseOption(TypeError, 'takeGlobal', 'true, false or an object', scope);
}

const origins = new Map<string, Origin>();
const open: Set<MockServer> = new Set();

/** Answers a connection to an address by the server of its path: with the query, or without. */
function answerAt(paths: ReadonlyMap<string, Decide>, stream: ByteStream): void {
  answer(stream, (request) => {
    const decide = paths.get(request.path) ?? paths.get(request.path.split('?', 1)[0]);
    if (decide === undefined) return { status: 404, body: `No mock server listens at ${request.path}` };
    return decide(stream, request);
  });
}

/** A WebSocket server in memory. Clients of the global `WebSocket`, and of {@link WebSocket}, find it by its URL. */
export class MockServer implements AsyncIterable<MockMessage> {
  /** Where it listens. */
  readonly urls: readonly string[];
  /** The open connections, the first one first. */
  readonly clients: ReadonlySet<MockConnection>;
  /** All connections, closed ones too. */
  readonly connections: readonly MockConnection[];
  /** All messages of all connections. */
  readonly received: readonly MockMessage[];
  readonly #clients: Set<MockConnection> = new Set();
  readonly #connections: MockConnection[] = [];
  readonly #received: MockMessage[] = [];
  readonly #options: MockServerOptions;
  readonly #scope: object | undefined;
  /** Where it listens. */
  readonly #places: Place[] = [];
  readonly #arrived: Mailbox<MockConnection> = new Mailbox('The mock server was closed before the next connection');
  readonly #messages: Mailbox<[MockConnection, MockMessage]> = new Mailbox(
    'The mock server was closed before the next message',
  );
  /** Connections that the test has not asked for. */
  readonly #unseen: Set<MockConnection> = new Set();
  readonly #scripts: ConnectionScript[] = [];
  /** Of clients that get no answer. */
  readonly #ignored: Link[] = [];
  #isClosed = false;
  #isCut = false;

  /**
   * Listens at once.
   *
   * @param urls Scheme ws, wss, http or https. A query counts only if there is one.
   * @throws {Error} when another mock server has one of the addresses.
   * @throws {TypeError} for a `takeGlobal` whose `WebSocket` cannot be replaced.
   */
  constructor(urls: string | URL | readonly (string | URL)[], options: MockServerOptions = {}) {
    const list = Array.isArray(urls) ? (urls as readonly (string | URL)[]) : [urls as string | URL];
    const parsed = list.map((url) => parseWebSocketUrl(String(url)));
    this.urls = parsed.map(({ href }) => href);
    this.clients = this.#clients;
    this.connections = this.#connections;
    this.received = this.#received;
    this.#options = options;
    this.script(...(options.scripts ?? []));
    const scope = scopeOf(options.takeGlobal);
    // An address that is named twice is one.
    const places = new Map(parsed.map((url) => [url.href, placeOf(url)]));
    for (const [url, { origin, path }] of places) {
      if (origins.get(origin)?.paths.has(path)) throw new Error(`Another mock server listens at ${url}: close it first`);
    }
    try {
      for (const place of places.values()) this.#listen(place);
      if (scope !== undefined) takeGlobal(scope, WebSocket);
      this.#scope = scope;
    } catch (error) {
      // The program does not get this server, so it cannot close it.
      this.stop();
      throw error;
    }
    open.add(this);
  }

  /** The next connection that no call has got. Its client is open, if the link has no delay. @throws {Error} if the server is closed first. */
  async nextConnection(): Promise<MockConnection> {
    const connection = await this.#arrived.take();
    this.#unseen.delete(connection);
    return connection;
  }

  /** The next message of any connection that no call of this method has got. @throws {Error} if the server is closed first. */
  async nextMessage(): Promise<MockMessage> {
    const [connection, message] = await this.#messages.take();
    this.#unseen.delete(connection);
    return message;
  }

  /** The messages of all connections, from the first one that `nextMessage()` has not got, until the server is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<MockMessage, undefined> {
    for await (const [connection, message] of this.#messages.iterate()) {
      this.#unseen.delete(connection);
      yield message;
    }
    return undefined;
  }

  /**
   * Adds scripts for the next connections, behind those that were not used.
   *
   * @throws {TypeError} that names an unknown fault.
   * @throws {RangeError} that names a number which makes no sense.
   */
  script(...scripts: readonly ConnectionScript[]): void {
    for (const script of scripts) checkScript(script);
    this.#scripts.push(...scripts);
  }

  /** Sends a message to all open connections. */
  broadcast(data: MockData): void {
    for (const connection of this.#clients) connection.send(data);
  }

  /**
   * Stops listening, gives the global `WebSocket` back, and closes all connections.
   *
   * @returns Fulfilled when they have ended. A held link, or a connection that is paused, lets them end after `closeTimeout` only. Rejected for
   *   a code or a reason that no Close frame can have, before anything has changed.
   */
  async close(code: number = 1000, reason: string = ''): Promise<void> {
    const endings = [...this.#clients].map((connection) => connection.close(code, reason));
    this.stop();
    await Promise.all(endings);
  }

  /** Stops listening, gives the global `WebSocket` back, and cuts all connections at once. */
  cut(): void {
    this.stop();
    this.#isCut = true;
    for (const { link } of this.#clients) link.cut();
  }

  /** Sentences about connections that the test did not await, and about scripts that no connection used. */
  get leftovers(): readonly string[] {
    const awaited = [...this.#unseen].map(({ url }) => `A connection to ${url} was not awaited`);
    const scripts = this.#scripts.length;
    return scripts === 0 ? awaited : [...awaited, `Scripts that no connection of ${this.urls[0]} has used: ${scripts}`];
  }

  #listen(listened: Place): void {
    const { origin: place, path } = listened;
    let origin = origins.get(place);
    if (origin === undefined) {
      const at = place.lastIndexOf(':');
      const paths = new Map<string, Decide>();
      const plan = { host: place.slice(0, at), port: Number(place.slice(at + 1)) };
      const listener = network.listen(plan, {
        onListening() {},
        onConnection: (stream) => answerAt(paths, stream),
        onError(error) {
          throw error;
        },
      });
      origin = { listener, paths };
      origins.set(place, origin);
    }
    origin.paths.set(path, (stream, request) => this.#decide(stream, request));
    this.#places.push(listened);
  }

  /** Stops listening, and gives the global `WebSocket` back. Connections stay. */
  stop(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    open.delete(this);
    for (const { origin: place, path } of this.#places) {
      const origin = origins.get(place)!;
      origin.paths.delete(path);
      if (origin.paths.size > 0) continue;
      origins.delete(place);
      origin.listener.close(() => {});
    }
    if (this.#scope !== undefined) restoreGlobal(this.#scope, WebSocket);
    for (const link of this.#ignored) link.cut();
    this.#arrived.end();
    this.#messages.end();
  }

  #decide(stream: ByteStream, request: MockRequest): Decision | MockRefusal | undefined {
    const script = this.#scripts.shift();
    const link = linkOf(stream);
    link.delay = script?.delay ?? 0;
    if (script?.ignore === true) {
      this.#ignored.push(link);
      return undefined;
    }
    const { refuse, handleProtocols, autoPong, closeTimeout, maxPayload } = this.#options;
    const refusal = script?.refuse ?? refuse?.(request);
    if (refusal !== undefined) return refusalOf(refusal);
    const offered = request.protocols;
    const protocol = (handleProtocols === undefined ? offered.at(0) : handleProtocols(offered, request)) ?? '';
    if (protocol !== '' && !offered.includes(protocol)) {
      throw new TypeError(`handleProtocols picked "${protocol}", which the client did not offer`);
    }
    const options = {
      ...(autoPong !== undefined && { autoPong }),
      ...(closeTimeout !== undefined && { closeTimeout }),
      ...(maxPayload !== undefined && { maxPayload }),
    };
    return { protocol, options, onAccepted: (accepted) => this.#accept(accepted, { request, link, script }) };
  }

  #accept(
    accepted: Accepted,
    { request, link, script }: { request: MockRequest; link: Link; script?: ConnectionScript | undefined },
  ): void {
    const { onConnection, onMessage } = this.#options;
    const owner = {
      onMessage: (from: MockConnection, message: MockMessage) => {
        this.#received.push(message);
        this.#messages.put([from, message]);
        try {
          onMessage?.(message, from);
        } finally {
          injectFaults(from, script);
        }
      },
      onClosed: (which: MockConnection) => void this.#clients.delete(which),
    };
    const url = `${link.isSecure ? 'wss' : 'ws'}://${request.headers.get('host')}${request.path}`;
    const connection = new MockConnection(accepted, { request, url, link, owner });
    this.#clients.add(connection);
    this.#connections.push(connection);
    if (onConnection === undefined) this.#unseen.add(connection);
    // The client is open by then. Its messages come a turn later, so that a test which awaits the connection can change it before.
    nextTurn(() => {
      nextTurn(() => accepted.session.start(accepted.rest));
      // The test is over, and no handler of it may run in the next one.
      if (this.#isCut) return;
      this.#arrived.put(connection);
      try {
        onConnection?.(connection);
      } finally {
        injectFaults(connection, script);
      }
    });
  }
}

/**
 * Cuts and closes all mock servers that are open, and gives the global `WebSocket` back: for `afterEach`.
 *
 * @throws {Error} with the leftovers of all of them.
 */
export function closeMockServers(): void {
  const leftovers: string[] = [];
  for (const server of open) {
    leftovers.push(...server.leftovers);
    server.cut();
  }
  if (leftovers.length > 0) throw new Error(`Mock servers have leftovers:\n${leftovers.join('\n')}`);
}
