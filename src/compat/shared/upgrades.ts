// Upgrade requests on an HTTP server: their path, the server that takes them, and their refusal.

import type { IncomingMessage, Server as HttpServer } from 'node:http';
import type { Duplex } from 'node:stream';
import { ADMISSION_OPTIONS } from '../../admission/options.ts';
import { answerAndDestroy } from '../../api/ws/end-socket.ts';
import { refusalHead, type Refusal } from '../../handshake/refusal.ts';

/** Options by which the WebSocketServer of the main entry point protects a program. Ignoring them in silence would be dangerous. */
const PROTECTION: readonly string[] = ['allowedOrigins', ...ADMISSION_OPTIONS];

/**
 * Refuses options that only the servers of the main entry point have.
 *
 * @param options As {@link ownOptions} gives them.
 * @throws {TypeError} that says what to do.
 */
export function refuseProtection(options: object): void {
  refuseForeign(options);
  const name = PROTECTION.find((one) => one in options);
  if (name === undefined) return;
  throw new TypeError(
    `The servers of older APIs have no "${name}" option: use WebSocketServer of the main entry point, which has it`,
  );
}

/** Options of the main entry point that no older API has. Ignored in silence, `proxy` would connect without the proxy. */
const REFUSED = ['borrowMessages', 'proxy'] as const;

/** @throws {TypeError} for the option `borrowMessages`, because programs of older APIs keep messages, and for `proxy`. */
export function refuseForeign(options: object): void {
  const name = REFUSED.find((option) => (options as Readonly<Record<string, unknown>>)[option]);
  if (name !== undefined) throw new TypeError(`Older APIs have no "${name}" option: use the main entry point, which has it`);
}

/** The path of a request target, without its query. Never throws: a target that is no URL counts as a path. */
export function pathOf(target: string): string {
  if (!target.startsWith('/') && URL.canParse(target)) return new URL(target).pathname;
  const query = target.indexOf('?');
  return query === -1 ? target : target.slice(0, query);
}

/** The response that refuses a request. */
export interface Answer {
  readonly status: number;
  readonly reason?: string | undefined;
  readonly headers?: Refusal['headers'] | undefined;
}

/** Header fields of a response whose body is its reason. The body is plain text, since parts of it may come from the peer. */
export function refusalFields({ headers }: Answer): Readonly<Record<string, string>> {
  return { 'Content-Type': 'text/plain; charset=utf-8', ...headers };
}

/** Writes a response to the socket of an 'upgrade' event, and closes the socket. */
export function refuseUpgrade(socket: Duplex, answer: Answer): void {
  // The HTTP server does not listen to the socket any more, so we handle its errors and end our side.
  socket.on('error', () => void socket.destroy());
  answerAndDestroy(socket, refusalHead({ ...answer, headers: refusalFields(answer) }));
}

/** A server that takes the upgrade requests of one path, or of all paths. */
export interface Upgrader {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

/** The servers of a facade that share one HTTP server, by path. The path `undefined` stands for all that no other server has. */
export class UpgradeTable<Server extends Upgrader> extends Map<string | undefined, Server> {
  readonly #httpServer: HttpServer;
  readonly #refusal: Refusal;

  /** @param refusal Answers requests for other paths, unless the program has another 'upgrade' listener, which may know the path. */
  constructor(httpServer: HttpServer, refusal: Refusal) {
    super();
    this.#httpServer = httpServer;
    this.#refusal = refusal;
    httpServer.on('upgrade', this.#onUpgrade);
  }

  /** Stops listening. Node.js then passes upgrade requests to 'request' listeners, unless there is another 'upgrade' listener. */
  detach(): void {
    this.#httpServer.removeListener('upgrade', this.#onUpgrade);
  }

  readonly #onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const server = this.get(pathOf(request.url ?? '')) ?? this.get(undefined);
    if (server !== undefined) server.upgrade(request, socket, head);
    else if (this.#httpServer.listenerCount('upgrade') === 1) refuseUpgrade(socket, this.#refusal);
  };
}
