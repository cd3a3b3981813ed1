// The ws-style WebSocketServer over raw sockets, apart from its runtime. An adapter derives its class from this one.

import type { IncomingMessage } from 'node:http';
import { compressionSettings, deflateSettings, sessionSettings } from '../../api/ws/options.ts';
import { WebSocketServerBase, type ServerPlatform } from '../../api/ws/server.ts';
import { wsOptions, type StandaloneServerOptions } from '../../api/ws/standalone.ts';
import type { WebSocketBase } from '../../api/ws/websocket.ts';
import { RawHttpFront } from './front.ts';
import type { RawRuntime } from './runtime.ts';
import { RawSocket } from './socket.ts';

/** A class that the server constructs. */
type SocketClass = abstract new (...values: never[]) => WebSocketBase;
type RequestClass = typeof IncomingMessage;

function platformOf(
  runtime: RawRuntime,
  WebSocket: new (address: null) => WebSocketBase,
  options: StandaloneServerOptions | undefined,
): ServerPlatform {
  const { network, platform } = runtime;
  return {
    WebSocket,
    unix: options?.unix,
    createHttpServer: () => new RawHttpFront(network, platform, options ?? {}),
    createSession(socket, settings, agreement) {
      const deflate = deflateSettings(settings.perMessageDeflate);
      const compression = agreement && deflate && compressionSettings(deflate, agreement, runtime.deflateEngine());
      const sessionOptions = { role: 'server', compression, ...sessionSettings(settings) } as const;
      const given: object = socket;
      return given instanceof RawSocket
        ? given.createSession(platform, sessionOptions)
        : runtime.createDuplexSession(socket, sessionOptions);
    },
  };
}

/** The WebSocketServer of ws 8 over raw sockets; see {@link WebSocketServerBase}. */
export abstract class RawWebSocketServer<Socket extends SocketClass, Request extends RequestClass> extends WebSocketServerBase<
  Socket,
  Request
> {
  /** @param WebSocket The class to construct unless the program names another. */
  constructor(
    runtime: RawRuntime,
    WebSocket: new (address: null) => WebSocketBase,
    options?: StandaloneServerOptions<Socket, Request>,
    onListening?: () => void,
  ) {
    runtime.checkDeflateOptions?.(deflateSettings(options?.perMessageDeflate));
    super(platformOf(runtime, WebSocket, options), wsOptions(options), onListening);
  }
}
