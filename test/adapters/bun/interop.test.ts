// The contract between our classes and Bun's own: its WebSocket as the client, and that of Bun.serve as the server.

import { describe } from 'vitest';
import { describeContract } from '../../contract/contract.ts';
import type { ClientSocket } from '../../contract/endpoint.ts';
import type { Capabilities, RunningServer, ServerPlan } from '../../contract/runtime.ts';
import type { ServerSocket } from '../../contract/script.ts';
import { pair, type ClientPeer, type ServerPeer } from '../../support/pair.ts';
import type { BunServer, ServerWebSocket, ServerWebSocketHandlers } from '../../../adapters/bun/bun.ts';
import { spawnedServer } from '../../support/spawned-server.ts';
import { bunClients, bunDeflatingServer, bunServer } from './peers.ts';

interface ServeOptions {
  readonly port: number;
  readonly hostname: string;
  fetch(request: Request, server: BunServer): Response | undefined;
  readonly websocket: ServerWebSocketHandlers<Accepted>;
}
interface Serving {
  readonly port: number;
  stop(closesConnections: boolean): Promise<void>;
}
type NativeClass = new (url: string, options: object) => ClientSocket;

const { Bun: bun, WebSocket: NativeWebSocket } = globalThis as unknown as {
  Bun: { serve(options: ServeOptions): Serving };
  WebSocket: NativeClass;
};
const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** What a connection of Bun.serve carries with it. */
interface Accepted {
  readonly request: { readonly url: string; readonly headers: Record<string, string> };
  /** The script's listeners by event; Bun's handlers are the server's, not the connection's. */
  readonly listeners: Map<string, (...values: never[]) => void>;
}

function emit(socket: ServerWebSocket<Accepted>, event: string, ...values: unknown[]): void {
  (socket.data.listeners.get(event) as ((...values: unknown[]) => void) | undefined)?.(...values);
}

/** A WebSocket of Bun.serve in the shape that the script takes. It sends no fragments. */
function serverSocket(socket: ServerWebSocket<Accepted>): ServerSocket {
  return {
    on: (event: string, listener: (...values: never[]) => void) => socket.data.listeners.set(event, listener),
    send: (data, { binary, fin } = {}) => {
      if (fin !== undefined) throw new Error('Bun.serve sends no fragments');
      const isBinary = binary ?? typeof data !== 'string';
      const bytes = typeof data === 'string' ? encoder.encode(data) : data;
      if (isBinary) socket.sendBinary(bytes, true);
      else socket.sendText(decoder.decode(bytes), true);
    },
    ping: (payload = new Uint8Array(0)) => void socket.ping(payload),
    close: (code, reason) => socket.close(code, reason),
    terminate: () => socket.terminate(),
  };
}

/** A server of Bun's own. */
function nativeServer(name: string, perMessageDeflate: boolean | object): ServerPeer {
  return {
    name,
    takesDeflate: perMessageDeflate !== false,
    createServer: ({ script, maxPayload = 100 << 20 }: ServerPlan): Promise<RunningServer> => {
      const server = bun.serve({
        port: 0,
        hostname: '127.0.0.1',
        fetch(request, self) {
          const { pathname, search } = new URL(request.url);
          const seen = { url: pathname + search, headers: Object.fromEntries(request.headers) };
          if (!script.verify(seen)) return new Response('Refused', { status: 401 });
          const offered = request.headers
            .get('sec-websocket-protocol')
            ?.split(',')
            .map((one) => one.trim());
          const protocol = offered && script.chooseProtocol(new Set(offered));
          const headers = new Headers(protocol ? { 'Sec-WebSocket-Protocol': protocol } : {});
          self.upgrade(request, { headers, data: { request: seen, listeners: new Map() } });
          return undefined;
        },
        websocket: {
          perMessageDeflate,
          maxPayloadLength: maxPayload,
          backpressureLimit: 1 << 30,
          open: (socket) => script.accept(serverSocket(socket), socket.data.request),
          message: (socket, message) =>
            emit(
              socket,
              'message',
              typeof message === 'string' ? encoder.encode(message) : message,
              typeof message !== 'string',
            ),
          ping: (socket, payload) => emit(socket, 'ping', payload),
          pong: (socket, payload) => emit(socket, 'pong', payload),
          close: (socket, code, reason) => emit(socket, 'close', code, encoder.encode(reason)),
          drain() {},
        },
      });
      return Promise.resolve({ url: `ws://127.0.0.1:${server.port}`, close: () => server.stop(true) });
    },
  };
}

const nativeClient: ClientPeer = {
  name: "Bun's WebSocket",
  capabilities: {},
  offersDeflate: true,
  createW3CClient: (url, protocols, options) => new NativeWebSocket(url, { protocols, ...options }),
};

/** A pair of which one half is Bun's own. */
function describePair(client: ClientPeer, server: ServerPeer, capabilities: Partial<Capabilities>): void {
  const runtime = pair(client, server);
  describeContract({ ...runtime, capabilities: { ...runtime.capabilities, ...capabilities } });
}

// It writes at once, and counts only what the operating system left.
const client = { clientWritesAfterTurn: false };
const server = {
  // It breaks no rules, so there is no fault to name.
  clientNamesFault: false,
  // It has no event for errors.
  serverTellsError: false,
  serverSendsFragments: false,
  // Without a code it sends 1000.
  serverClosesWithoutCode: false,
  // Its 'close' tells its own code.
  closesCross: false,
};

for (const ours of [bunServer, bunDeflatingServer, spawnedServer('node', true)]) describePair(nativeClient, ours, client);

describePair(bunClients, nativeServer('Bun.serve', false), server);
describe.each([
  [true, '; client_no_context_takeover; server_no_context_takeover'],
  [{ compress: 'dedicated', decompress: 'dedicated' }, ''],
  [{ compress: '3KB', decompress: '4KB' }, '; client_max_window_bits=12; server_max_window_bits=9'],
])('permessage-deflate as %j', (perMessageDeflate, extensionParameters) => {
  const native = nativeServer('Bun.serve with permessage-deflate', perMessageDeflate);
  describePair(bunClients, native, { ...server, extensionParameters });
});
