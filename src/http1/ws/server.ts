// What a ws-style WebSocketServer over raw sockets is made of.

import { compressionSettings, deflateSettings, sessionSettings } from '../../api/ws/options.ts';
import { withMasks } from '../../api/ws/client.ts';
import type { ServerPlatform } from '../../api/ws/server-core.ts';
import type { SessionMaker } from '../../api/ws/internals.ts';
import type { WebSocketBase } from '../../api/ws/websocket.ts';
import { RawHttpFront } from './front.ts';
import type { RawRuntime } from './runtime.ts';
import { RawSocket } from './socket.ts';

/** What to lend to a server class. @param WebSocket The class that it constructs unless the program names another. */
export function rawServerPlatform(runtime: RawRuntime, WebSocket: new (address: null) => WebSocketBase): ServerPlatform {
  const { network, platform, checkDeflateOptions } = runtime;
  const createSession = rawSessionMaker(runtime);
  return {
    WebSocket,
    checkDeflateOptions,
    createHttpServer: (options) => new RawHttpFront(network, platform, options),
    createSession(socket, settings, agreement) {
      const deflate = deflateSettings(settings.perMessageDeflate);
      const compression =
        agreement && deflate && compressionSettings(deflate, agreement, runtime.deflateEngine(deflate.engine), 'server');
      return createSession(socket, { role: 'server', compression, ...sessionSettings(settings) }, undefined);
    },
  };
}

/** Makes sessions over sockets of ours, and over those of node:http. */
export function rawSessionMaker({ platform, createDuplexSession }: RawRuntime): SessionMaker {
  return (socket, options, generateMask) => {
    const given: object = socket;
    if (given instanceof RawSocket) return given.createSession(withMasks(platform, generateMask), options);
    return createDuplexSession(socket, options, generateMask);
  };
}
