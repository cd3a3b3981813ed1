// The contract between our classes and Deno's own: its WebSocket as the client, and that of Deno.serve as the server.

import { describeContract } from '../../contract/contract.ts';
import type { ClientSocket } from '../../contract/endpoint.ts';
import type { ContractRuntime, RunningServer, ServerPlan } from '../../contract/runtime.ts';
import type { ServerSocket } from '../../contract/script.ts';
import { spawnedServer } from '../../support/spawned-server.ts';
import { denoPair, type PairPlan } from './peers.ts';

/** What of Deno's WebSocket is used. */
interface NativeSocket extends ClientSocket {
  addEventListener(type: string, listener: (event: never) => void): void;
}
interface HttpServer {
  readonly addr: { readonly port: number };
  readonly finished: Promise<void>;
}
interface DenoNamespace {
  serve(options: object, handler: (request: Request) => Response): HttpServer;
  upgradeWebSocket(request: Request): { readonly socket: NativeSocket; readonly response: Response };
}
type NativeClass = new (url: string, options: object) => NativeSocket;

const { Deno: deno, WebSocket: NativeWebSocket } = globalThis as unknown as { Deno: DenoNamespace; WebSocket: NativeClass };
const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** A WebSocket of Deno.serve in the shape that the script takes. It has no Pings, no fragments, and no `terminate`. */
function serverSocket(socket: NativeSocket): ServerSocket {
  const listen = (event: string, listener: (...values: never[]) => void): void => {
    const call = listener as (...values: unknown[]) => void;
    if (event === 'message') {
      socket.addEventListener('message', ({ data }: { data: string | ArrayBuffer }) =>
        typeof data === 'string' ? call(encoder.encode(data), false) : call(new Uint8Array(data), true),
      );
    } else if (event === 'close') {
      socket.addEventListener('close', ({ code, reason }: { code: number; reason: string }) =>
        call(code, encoder.encode(reason)),
      );
    } else if (event === 'error') {
      socket.addEventListener('error', ({ error, message }: { error?: Error; message?: string }) =>
        call(error ?? new Error(message)),
      );
    }
  };
  const refuse = (): never => {
    throw new Error('Deno.serve cannot do that');
  };
  return {
    on: listen,
    send: (data, { binary, fin } = {}) => {
      if (fin !== undefined) refuse();
      const isBinary = binary ?? typeof data !== 'string';
      const bytes = typeof data === 'string' ? encoder.encode(data) : data;
      socket.send(isBinary ? Uint8Array.from(bytes) : decoder.decode(bytes));
    },
    ping: refuse,
    close: (code, reason) => socket.close(code, reason),
    terminate: refuse,
  };
}

/** A server of Deno's own. */
function serveNatively({ script }: ServerPlan): RunningServer {
  const abort = new AbortController();
  const options = { port: 0, hostname: '127.0.0.1', signal: abort.signal, onListen() {} };
  const server = deno.serve(options, (request) => {
    const { pathname, search } = new URL(request.url);
    const seen = { url: pathname + search, headers: Object.fromEntries(request.headers) };
    if (!script.verify(seen)) return new Response('Refused', { status: 401 });
    const { socket, response } = deno.upgradeWebSocket(request);
    const offered = request.headers
      .get('sec-websocket-protocol')
      ?.split(',')
      .map((name) => name.trim());
    const protocol = offered && script.chooseProtocol(new Set(offered));
    // Deno's `protocol` option finds no name in a list without spaces.
    if (protocol) response.headers.set('Sec-WebSocket-Protocol', protocol);
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('open', () => script.accept(serverSocket(socket), seen));
    return response;
  });
  return {
    url: `ws://127.0.0.1:${server.addr.port}`,
    async close() {
      abort.abort();
      await server.finished;
    },
  };
}

/** Deno's own client against our server. It offers no extension. */
function describeNativeClient(plan: PairPlan, server?: Pick<ContractRuntime, 'createServer'>): void {
  const { createServer, capabilities } = { ...denoPair(plan), ...server };
  describeContract({
    name: plan.name,
    capabilities: {
      ...capabilities,
      extensions: '',
      extensionParameters: '',
      clientAbnormalCode: 0,
      // It does not notice that a frame is masked, and drops TCP on text that is no UTF-8.
      clientNamesFault: false,
    },
    createServer,
    createW3CClient: (url, protocols, options) => new NativeWebSocket(url, { protocols, ...options }),
  });
}

/** Our clients against Deno's own server, which takes no extension. */
function describeNativeServer(plan: PairPlan): void {
  const { capabilities, ...clients } = denoPair(plan);
  describeContract({
    ...clients,
    capabilities: {
      ...capabilities,
      // It breaks no rules, so there is no fault to name.
      clientNamesFault: false,
      // It has no limit to set, takes frames that are not masked, and drops TCP on text that is no UTF-8.
      serverNamesFault: false,
      serverAbnormalCode: 0,
      serverSendsFragments: false,
      serverPings: false,
      serverTerminates: false,
      // It answers a Close frame before its program hears of the message that came before.
      closesCross: false,
    },
    createServer: (serverPlan) => Promise.resolve(serveNatively(serverPlan)),
  });
}

describeNativeClient({ name: "Deno's WebSocket × our server" });
describeNativeClient({ name: "Deno's WebSocket × our server with permessage-deflate", deflates: true });
describeNativeClient({ name: "Deno's WebSocket × our server on Node" }, spawnedServer('node', true));
describeNativeServer({ name: 'our clients × Deno.serve' });
