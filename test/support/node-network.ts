// A Network over node:net and node:tls, so that code for Deno, Bun and workerd can be tested on Node.

import { connect as connectNet, createServer, type AddressInfo, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, TLSSocket } from 'node:tls';
import { deflateEngine } from '../../src/nodejs/deflate-engine.ts';
import { platform } from '../../src/nodejs/platform.ts';
import { createSession } from '../../src/nodejs/session.ts';
import type { TransportEvents } from '../../src/platform.ts';
import type {
  ConnectEvents,
  ConnectPlan,
  EndpointAddress,
  Listener,
  ListenerEvents,
  ListenPlan,
  Network,
  ByteStream,
} from '../../src/http1/network.ts';
import type { ServerRuntime } from '../../src/api/ws/binding.ts';
import { StreamHttpServer } from '../../src/http1/ws/http-server.ts';
import { createStreamRuntime } from '../../src/http1/ws/runtime.ts';
import { checkDeflateOptions } from '../../src/deflate/settings.ts';

/** How a network behaves, where runtimes differ. */
export interface Behaviour {
  /** Chunks go to the codec's input arena first, as where a runtime reads into a buffer that it is given. Or every other transport's. */
  readonly readsDirectly?: boolean | 'alternately';
  /** Most bytes a chunk. */
  readonly chunkLength?: number;
}

export class NodeRawTransport implements ByteStream {
  readonly isSecure: boolean;
  readonly remote: EndpointAddress;
  readonly local: EndpointAddress;
  /** Calls of `pause` and `resume`, in order. */
  readonly flow: string[] = [];
  readonly #socket: Socket;
  readonly #behaviour: Behaviour;
  #events: TransportEvents | null = null;
  #isReading = false;
  #hasEnded = false;
  #kept: Uint8Array[] = [];
  #closing: { readonly error: Error | undefined } | null = null;
  #error: Error | undefined;

  constructor(socket: Socket, isSecure: boolean, behaviour: Behaviour) {
    this.#socket = socket;
    this.#behaviour = behaviour;
    this.isSecure = isSecure;
    this.remote = { address: socket.remoteAddress, port: socket.remotePort };
    this.local = { address: socket.localAddress, port: socket.localPort };
    socket.setNoDelay(true);
    socket.pause();
    socket.on('data', (chunk: Buffer) => {
      const length = behaviour.chunkLength ?? chunk.length;
      for (let at = 0; at < chunk.length; at += length) this.#kept.push(chunk.subarray(at, at + length));
      this.#deliver();
    });
    // 'data' makes it flow.
    socket.pause();
    socket.on('end', () => {
      this.#hasEnded = true;
      this.#deliver();
    });
    socket.on('error', (error) => (this.#error = error));
    socket.on('close', () => {
      this.#closing = { error: this.#error };
      this.#tellClosed();
    });
  }

  attach(events: TransportEvents): void {
    this.#events = events;
    this.#tellClosed();
  }

  start(): void {
    this.flow.push('start');
    this.#isReading = true;
    this.#deliver();
    if (this.#isReading) this.#socket.resume();
  }

  write(chunks: readonly Uint8Array[], onWritten: () => void): boolean {
    const socket = this.#socket;
    if (socket.destroyed) return false;
    let isTaken = false;
    socket.cork();
    for (const chunk of chunks.slice(0, -1)) socket.write(chunk);
    socket.write(chunks.at(-1)!, (error) => {
      if (!isTaken && !error && !socket.destroyed) onWritten();
    });
    socket.uncork();
    isTaken = socket.writableLength === 0;
    return isTaken;
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#kept = [];
    this.#socket.destroy();
  }

  pause(): void {
    this.flow.push('pause');
    this.#isReading = false;
    this.#socket.pause();
  }

  resume(): void {
    this.flow.push('resume');
    this.#isReading = true;
    this.#deliver();
    if (this.#isReading) this.#socket.resume();
  }

  ref(isKept: boolean): void {
    if (isKept) this.#socket.ref();
    else this.#socket.unref();
  }

  setNoDelay(isOn: boolean): void {
    this.#socket.setNoDelay(isOn);
  }

  setKeepAlive(isOn: boolean, delay: number): void {
    this.#socket.setKeepAlive(isOn, delay);
  }

  #deliver(): void {
    while (this.#isReading && this.#events !== null && this.#kept.length > 0) {
      const chunk = this.#kept.shift()!;
      const { input, isDelivering } = platform.codec;
      if (this.#behaviour.readsDirectly && chunk.length <= input.length && !isDelivering) {
        input.set(chunk);
        this.#events.receiveInput(chunk.length);
      } else {
        this.#events.receive(chunk);
      }
    }
    if (!this.#isReading || !this.#hasEnded || this.#kept.length > 0) return;
    this.#hasEnded = false;
    this.#events?.receiveEnd();
  }

  #tellClosed(): void {
    if (this.#closing === null || this.#events === null) return;
    const { error } = this.#closing;
    this.#closing = null;
    this.#events.closed(error);
  }
}

/** The members that a test may read. */
export interface NodeNetwork extends Network {
  /** All transports, the oldest first. */
  readonly transports: NodeRawTransport[];
}

export function createNodeNetwork(behaviour: Behaviour = {}): NodeNetwork {
  const transports: NodeRawTransport[] = [];
  const make = (socket: Socket, isSecure: boolean): NodeRawTransport => {
    const readsDirectly =
      behaviour.readsDirectly === 'alternately' ? transports.length % 2 === 0 : (behaviour.readsDirectly ?? false);
    const transport = new NodeRawTransport(socket, isSecure, { ...behaviour, readsDirectly });
    transports.push(transport);
    return transport;
  };
  return {
    transports,

    listen({ port, host, path, backlog, tls }: ListenPlan, events: ListenerEvents): Listener {
      // Not tls.createServer: there too the handshake's time is ours to keep.
      const context = tls && createSecureContext({ cert: tls.cert, key: tls.key });
      const server = createServer({ allowHalfOpen: true, pauseOnConnect: !tls }, (socket) => {
        const stream = context ? new TLSSocket(socket, { isServer: true, secureContext: context }) : socket;
        events.onConnection(make(stream, context !== undefined));
      });
      server.on('error', (error) => events.onError(error));
      server.listen(path === undefined ? { port, host, backlog } : { path, backlog }, () =>
        events.onListening(server.address() as AddressInfo | string),
      );
      return {
        close: (onClosed) => void server.close(() => onClosed()),
        ref: (isKept) => void (isKept ? server.ref() : server.unref()),
      };
    },

    connect({ host, port, path, tls }: ConnectPlan, events: ConnectEvents): { abort(): void } {
      const address = path === undefined ? { host, port } : { path };
      const socket = tls
        ? connectTls({
            ...address,
            ...tls,
            ca: tls.ca as string | string[] | undefined,
            servername: tls.servername ?? (/^[\d.:]+$/.test(host) ? '' : host),
            allowHalfOpen: true,
          } as never)
        : connectNet({ ...address, allowHalfOpen: true });
      let isOver = false;
      socket.on('error', (error) => {
        if (!isOver) events.onError(error);
        isOver = true;
      });
      socket.once(tls ? 'secureConnect' : 'connect', () => {
        if (isOver) return;
        isOver = true;
        events.onConnect(make(socket, tls !== undefined));
      });
      return {
        abort(): void {
          isOver = true;
          socket.destroy();
        },
      };
    },
  };
}

/** The runtime of ws-style classes over byte streams, made of Node's modules. */
export function streamRuntime(network: Network = createNodeNetwork()): ServerRuntime {
  return {
    ...createStreamRuntime({ network, platform, deflateEngine, checkDeflateOptions, createSession }),
    createHttpServer: (options, onRefusal) => new StreamHttpServer(network, platform, options, onRefusal),
  };
}
