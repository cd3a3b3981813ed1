// What a ws-style WebSocketServer over raw sockets is made of.

import { compressionSettings, deflateSettings, sessionSettings } from '../../api/ws/options.ts';
import type { ServerPlatform } from '../../api/ws/server-core.ts';
import type { WebSocketBase } from '../../api/ws/websocket.ts';
import { RawHttpFront } from './front.ts';
import type { RawRuntime } from './runtime.ts';
import { RawSocket } from './socket.ts';

/** What to lend to a server class. @param WebSocket The class that it constructs unless the program names another. */
export function rawServerPlatform(runtime: RawRuntime, WebSocket: new (address: null) => WebSocketBase): ServerPlatform {
  const { network, platform, checkDeflateOptions } = runtime;
  return {
    WebSocket,
    checkDeflateOptions,
    createHttpServer: (options) => new RawHttpFront(network, platform, options),
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
