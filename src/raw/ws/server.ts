// The ws-style WebSocketServer over raw sockets, apart from its runtime. An adapter derives its class from this one.

import type { IncomingMessage } from 'node:http';
import { compressionSettings, deflateSettings, sessionSettings, type ServerOptions } from '../../api/ws/options.ts';
import { WebSocketServerBase, type ServerPlatform } from '../../api/ws/server.ts';
import type { WebSocketBase } from '../../api/ws/websocket.ts';
import type { ServerTls } from '../network.ts';
import { RawHttpFront } from './front.ts';
import type { RawRuntime } from './runtime.ts';
import { RawSocket } from './socket.ts';

/** A class that the server constructs. */
type SocketClass = abstract new (...values: never[]) => WebSocketBase;
type RequestClass = typeof IncomingMessage;

/** Options of a server over raw sockets: those of ws, and three more. */
export interface RawServerOptions<
  Socket extends SocketClass = SocketClass,
  Request extends RequestClass = RequestClass,
> extends ServerOptions<Socket, Request> {
  /** Speaks TLS, with this certificate and key. Beyond ws, which takes an HTTPS server. */
  tls?: ServerTls | undefined;
  /** Listens on a Unix domain socket of this path, in the place of `port` and `host`. Beyond ws. */
  unix?: string | undefined;
  /** Milliseconds from the start of a connection to the end of its request's head; 0 for no limit. Default 60,000. Beyond ws. */
  headersTimeout?: number | undefined;
}

/** @throws {TypeError} when options cannot go together. */
function baseOptions<Socket extends SocketClass, Request extends RequestClass>(
  options: RawServerOptions<Socket, Request> | undefined,
): ServerOptions<Socket, Request> | undefined {
  if (options === undefined) return undefined;
  const { tls, unix, port, server, noServer } = options;
  if (tls !== undefined && (server || noServer)) throw new TypeError('The "tls" option goes with "port" or "unix" only');
  if (unix === undefined) return options;
  if (typeof unix !== 'string' || unix === '') throw new TypeError('The "unix" option must be the path of a socket');
  if (port !== undefined && port !== null) throw new TypeError('Only one of the "port" and "unix" options may be specified');
  return { ...options, port: 0 };
}

function platformOf(
  runtime: RawRuntime,
  WebSocket: new (address: null) => WebSocketBase,
  options: RawServerOptions | undefined,
): ServerPlatform {
  const { network, platform } = runtime;
  return {
    WebSocket,
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
    options?: RawServerOptions<Socket, Request>,
    onListening?: () => void,
  ) {
    runtime.checkDeflateOptions?.(deflateSettings(options?.perMessageDeflate));
    super(platformOf(runtime, WebSocket, options), baseOptions(options), onListening);
  }
}
