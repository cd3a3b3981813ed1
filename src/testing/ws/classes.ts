// The ws-style classes over the network of the test kit: whole servers and clients without sockets.

import type { ClientRequestArgs, IncomingMessage } from 'node:http';
import { bindRuntime, type ServerRuntime } from '../../api/ws/binding.ts';
import { WebSocket as SocketClass, WebSocketServer as ServerClass } from '../../api/ws/classes.ts';
import type { ClientOptions, StandaloneServerOptions } from '../../api/ws/options.ts';
import type { Network } from '../../http1/network.ts';
import { StreamHttpServer } from '../../http1/ws/http-server.ts';
import { createStreamRuntime } from '../../http1/ws/runtime.ts';
import { allocate, copyToOwn } from '../../nodejs/buffers.ts';
import { checkDeflateOptions, deflateEngine } from '../../nodejs/deflate-engine.ts';
import { ConnectionMemory } from '../../nodejs/message-memory.ts';
import { createSession } from '../../nodejs/session.ts';
import type { Platform } from '../../platform.ts';
import { network } from '../client.ts';
import { withoutProxy } from '../network.ts';
import { platform as memory } from '../platform.ts';

/** That of the kit, with Buffers for messages. */
const platform: Platform = {
  ...memory,
  allocate,
  copy: copyToOwn,
  copyMessage: copyToOwn,
  borrowMemory: (mode) => new ConnectionMemory(mode === 'checked'),
};

/** The runtime of classes whose servers listen on `listening`. */
export function createRuntime(listening: Network): ServerRuntime {
  const runtime = createStreamRuntime({ network, platform, createSession, deflateEngine, checkDeflateOptions });
  return {
    ...runtime,
    startOpening: withoutProxy(runtime.startOpening),
    createHttpServer: (options, onRefusal) => new StreamHttpServer(listening, platform, options, onRefusal),
  };
}

/** The `WebSocket` of `wasock`, which reaches servers of the test kit alone. */
export class WebSocket extends SocketClass {
  /** Makes the server-side object that `handleUpgrade` fills. */
  constructor(address: null);
  /**
   * Connects in memory.
   *
   * @throws {SyntaxError} on an invalid URL or subprotocol.
   * @throws {TypeError} on an option of node:http or node:tls, such as `agent`, that says how to connect.
   */
  constructor(address: string | URL, options?: ClientOptions | ClientRequestArgs);
  /** @param protocols Subprotocols to offer, best first. */
  constructor(address: string | URL, protocols?: string | string[], options?: ClientOptions | ClientRequestArgs);
  constructor(
    address: string | URL | null,
    protocols?: string | string[] | ClientOptions | ClientRequestArgs,
    options?: ClientOptions | ClientRequestArgs,
  ) {
    super(address as string, protocols as string[], options);
  }
}

/** The `WebSocketServer` of `wasock`. With `port` it listens in memory. With `server` and `noServer` it takes the connections of the program. */
export class WebSocketServer<
  Socket extends typeof WebSocket = typeof WebSocket,
  Request extends typeof IncomingMessage = typeof IncomingMessage,
> extends ServerClass<Socket, Request> {
  constructor(options?: StandaloneServerOptions<Socket, Request>, onListening?: () => void) {
    super({ WebSocket, ...options } as StandaloneServerOptions<Socket, Request>, onListening);
  }
}

const runtime = createRuntime(network);
bindRuntime(WebSocket, runtime);
bindRuntime(WebSocketServer, runtime);
Object.assign(WebSocket, { WebSocket, WebSocketServer, Server: WebSocketServer });
