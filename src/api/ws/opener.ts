// The one opener of ws-style clients: redirects, the events of an opening and the session after it, over any backend.

import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { nextTick } from '../../clock.ts';
import { PERMESSAGE_DEFLATE } from '../../deflate/parameters.ts';
import { areValidSubprotocols } from '../../handshake/subprotocols.ts';
import type { Opening, OpeningPlan, OpeningResult, Target } from '../../handshake/opening.ts';
import { parseAddress } from '../address.ts';
import { runtimeOf, type Runtime } from './binding.ts';
import { coreOf, type Opening as CoreOpening, type SocketCore } from './core.ts';
import { compressionSettings, deflateSettings, readDeflateSetting, sessionSettings, type ClientOptions } from './options.ts';
import { Redirects } from './redirect.ts';
import type { WebSocketBase } from './websocket.ts';

/** Our own options. All others go to the backend. */
const OWN_OPTIONS: ReadonlySet<string> = new Set([
  'auth',
  'headers',
  'origin',
  'protocolVersion',
  'handshakeTimeout',
  'followRedirects',
  'maxRedirects',
  'finishRequest',
  'signal',
  'timeout',
]);

/** The version to speak. @throws {RangeError} for one that there is not. */
function checkedVersion({ protocolVersion = 13 }: ClientOptions): 8 | 13 {
  if (protocolVersion === 8 || protocolVersion === 13) return protocolVersion;
  throw new RangeError(`Unsupported protocol version: ${protocolVersion} (supported versions: 8, 13)`);
}

/** The subprotocols to offer. @throws {SyntaxError} if one is not a token, or occurs twice. */
function checkedProtocols(protocols: readonly unknown[]): readonly string[] {
  const names = protocols as readonly string[];
  if (!areValidSubprotocols(names)) throw new SyntaxError('An invalid or duplicated subprotocol was specified');
  return names;
}

/** The openings of one client: the first, and one for each redirect. */
class Opener implements CoreOpening {
  readonly #ws: WebSocketBase;
  readonly #core: SocketCore;
  readonly #runtime: Runtime;
  readonly #protocols: readonly string[];
  readonly #options: ClientOptions;
  readonly #redirects: Redirects<Target>;
  #opening: Opening<ClientRequest> | null = null;

  constructor(ws: WebSocketBase, protocols: readonly string[], options: ClientOptions, target: Target) {
    this.#ws = ws;
    this.#core = coreOf(ws);
    this.#runtime = runtimeOf(ws);
    this.#protocols = protocols;
    this.#options = options;
    this.#redirects = new Redirects(target, options, parseAddress);
  }

  get request(): unknown {
    return this.#opening?.request;
  }

  abort(): void {
    this.#opening?.abort();
  }

  /** Starts to connect. @throws {Error} for an option or a header field that cannot be used. */
  start(target: Target): Opening<ClientRequest> {
    this.#core.url = target.href;
    this.#runtime.checkClientOptions(this.#options, target);
    const ws = this.#ws;
    const opening = this.#runtime.startOpening(this.#plan(target), {
      websocket: ws,
      onUpgrade: (response) => {
        ws.emit('upgrade', response);
        return ws.readyState === ws.CONNECTING;
      },
      onResponse: (request, response) => this.#redirect(target, response) || ws.emit('unexpected-response', request, response),
      onOpen: (socket, result) => this.#open(socket, result),
      onFail: (error) => this.#core.fail(error),
    });
    this.#opening = opening;
    return opening;
  }

  /** Sends the request, or leaves that to the program. */
  send(opening: Opening<ClientRequest>): void {
    const { finishRequest } = this.#options;
    if (finishRequest) finishRequest(opening.request, this.#ws);
    else opening.send();
  }

  #plan(target: Target): OpeningPlan {
    const options = this.#options;
    const { headers, auth } = this.#redirects.fieldsFor(target, this.#ws.listenerCount('redirect') > 0);
    const others = Object.fromEntries(Object.entries(options).filter(([name]) => !OWN_OPTIONS.has(name)));
    const { origin, handshakeTimeout } = options;
    return {
      // With the credentials that may go there: after a redirect to another host, none.
      target: { ...target, auth },
      protocols: this.#protocols,
      version: checkedVersion(options),
      origin,
      deflate: deflateSettings(options.perMessageDeflate ?? true),
      headers,
      handshakeTimeout,
      options: others,
    };
  }

  /** Follows a redirect, if it is one and may be followed. */
  #redirect(from: Target, { statusCode = 0, headers: { location } }: IncomingMessage): boolean {
    if (!this.#redirects.follows(statusCode, location)) return false;
    this.abort();
    let target: Target;
    let opening: Opening<ClientRequest>;
    try {
      target = this.#redirects.next(from, location);
      opening = this.start(target);
    } catch (error) {
      // The server named an invalid address. That ends this connection only.
      this.#core.fail(error as Error);
      return true;
    }
    // As in ws, an exception of the program is not caught: the WebSocket is CONNECTING until its time limit.
    this.#ws.emit('redirect', target.href, opening.request);
    this.send(opening);
    return true;
  }

  #open(socket: Duplex, { protocol, agreement, head }: OpeningResult): void {
    const { allowSynchronousEvents, generateMask, perMessageDeflate = true } = this.#options;
    const deflate = deflateSettings(perMessageDeflate);
    const compression =
      agreement && deflate && compressionSettings(deflate, agreement, this.#runtime.deflateEngine(deflate), 'client');
    const extensions = agreement ? PERMESSAGE_DEFLATE : '';
    const settings = sessionSettings(this.#options, 'client', compression);
    const session = this.#runtime.createSession(socket, settings, generateMask);
    // Scheduled before the 'open' event, so that messages come before tasks that a listener schedules.
    nextTick(() => this.#core.start(head));
    this.#core.open(this.#ws, session, { socket, protocol, extensions, allowSynchronousEvents });
  }
}

/**
 * Starts the opening of a client.
 *
 * @throws {SyntaxError} for an invalid address or subprotocol.
 * @throws {TypeError | RangeError} for an invalid option.
 */
export function openClient(
  ws: WebSocketBase,
  address: string | URL,
  protocols: readonly unknown[],
  options: ClientOptions,
): void {
  checkedVersion(options);
  runtimeOf(ws).checkDeflateOptions(readDeflateSetting(options.perMessageDeflate));
  const target = parseAddress(address);
  const core = coreOf(ws);
  core.url = target.href;
  const opener = new Opener(ws, checkedProtocols(protocols), options, target);
  core.opening = opener;
  opener.send(opener.start(target));
}
