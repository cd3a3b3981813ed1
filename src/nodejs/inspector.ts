// Shows clients in the Network panel of Chrome DevTools, by `Network` of node:inspector: https://nodejs.org/api/inspector.html
//
// It has functions for a WebSocket, its response and its end, and none for frames.

import dc from 'node:diagnostics_channel';
import type { Handshake, Measured } from '../base/meter.ts';
import { elapsed } from '../clock.ts';

/** A response, as a backend has it: an http.IncomingMessage, or one with a head of our parser. */
interface AnyResponse {
  readonly head?: AnyResponse;
  readonly statusCode?: number;
  readonly statusMessage?: string;
  readonly status?: number;
  readonly statusText?: string;
  /** Names and values in turn. */
  readonly rawHeaders?: readonly string[];
}

/** Its functions do nothing while no session wants events. */
interface NetworkEvents {
  webSocketCreated(params: object): void;
  webSocketHandshakeResponseReceived(params: object): void;
  webSocketClosed(params: object): void;
}

/** node:inspector, as far as it is used. */
interface Inspector {
  /** Older versions lack it, or the functions. */
  readonly Network?: Partial<NetworkEvents>;
  /** Where the runtime listens for DevTools; undefined if it does not. */
  url(): string | undefined;
}

/** Node.js subscribes to it while a session wants events of the network. This is its only sign of a session within the process. */
const wanted = dc.channel('undici:websocket:open');

let inspector: Inspector | null | undefined;

/** Deno has permissions. */
interface DenoGlobal {
  readonly Deno?: { readonly permissions: { querySync(descriptor: object): { readonly state: string } } };
}

/** Whether the runtime tells where it listens for DevTools. Without the permission Deno asks its user, or throws. */
function mayInspect(): boolean {
  const { Deno } = globalThis as DenoGlobal;
  return Deno === undefined || Deno.permissions.querySync({ name: 'sys', kind: 'inspector' }).state === 'granted';
}

/** Loads node:inspector at the first call, which takes 0.2 ms. Later calls take 0.03 µs on Node.js 26, 0.2 µs on Deno. */
function attached(): NetworkEvents | null {
  if (inspector === undefined) inspector = (mayInspect() && process.getBuiltinModule?.('node:inspector')) || null;
  if (inspector?.Network?.webSocketCreated === undefined) return null;
  return wanted.hasSubscribers || inspector.url() !== undefined ? (inspector.Network as NetworkEvents) : null;
}

/** Lines of one name are separated by line feeds, as the protocol wants it. */
function headersOf(rawHeaders: readonly string[]): Record<string, string> {
  const headers = new Map<string, string>();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at].toLowerCase();
    const before = headers.get(name);
    headers.set(name, before === undefined ? rawHeaders[at + 1] : `${before}\n${rawHeaders[at + 1]}`);
  }
  return Object.fromEntries(headers);
}

function describe(response: AnyResponse): object {
  const { status, statusText, statusCode, statusMessage, rawHeaders = [] } = response.head ?? response;
  return { status: status ?? statusCode, statusText: statusText ?? statusMessage ?? '', headers: headersOf(rawHeaders) };
}

const seconds = (): number => elapsed() / 1000;

let count = 0;

/** A client in the panel. */
interface Entry {
  readonly network: NetworkEvents;
  readonly requestId: string;
}

function close({ network, requestId }: Entry): void {
  network.webSocketClosed({ requestId, timestamp: seconds() });
}

/** Shows clients whose handshake begins while DevTools may be attached. */
export class NetworkPanel {
  readonly #opening: WeakMap<Handshake, Entry> = new WeakMap();
  readonly #open: WeakMap<Measured, Entry> = new WeakMap();
  /** The one whose handshake has just succeeded. Its session follows before another's. */
  #opened: Entry | undefined;

  begin(handshake: Handshake): void {
    const network = attached();
    if (network === null) return;
    const entry = { network, requestId: `wasock-${++count}` };
    this.#opening.set(handshake, entry);
    network.webSocketCreated({ requestId: entry.requestId, url: handshake.url });
  }

  /** The handshake is over. */
  end(handshake: Handshake, hasFailed: boolean): void {
    const entry = this.#opening.get(handshake);
    this.#opened = hasFailed ? undefined : entry;
    if (entry === undefined) return;
    const { network, requestId } = entry;
    const response = handshake.response as AnyResponse | undefined;
    if (response !== undefined) {
      network.webSocketHandshakeResponseReceived({ requestId, timestamp: seconds(), response: describe(response) });
    }
    if (hasFailed) close(entry);
  }

  open(session: Measured): void {
    if (this.#opened !== undefined) this.#open.set(session, this.#opened);
    this.#opened = undefined;
  }

  close(session: Measured): void {
    const entry = this.#open.get(session);
    if (entry !== undefined) close(entry);
  }
}
