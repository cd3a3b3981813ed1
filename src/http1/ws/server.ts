// What a ws-style WebSocketServer over raw sockets is made of.

import { compressionSettings, deflateSettings, sessionSettings } from '../../api/ws/options.ts';
import { withMasks } from '../../api/ws/client.ts';
import type { ServerPlatform } from '../../api/ws/server-core.ts';
import type { SessionMaker } from '../../api/ws/internals.ts';
import type { WebSocketBase } from '../../api/ws/websocket.ts';
import { StreamHttpServer } from './http-server.ts';
import type { StreamRuntime } from './runtime.ts';
import { StreamSocket } from './socket.ts';

/** What to lend to a server class. @param WebSocket The class that it constructs unless the program names another. */
export function streamServerPlatform(runtime: StreamRuntime, WebSocket: new (address: null) => WebSocketBase): ServerPlatform {
  const { network, platform, checkDeflateOptions } = runtime;
  const createSession = streamSessionMaker(runtime);
  return {
    WebSocket,
    checkDeflateOptions,
    createHttpServer: (options) => new StreamHttpServer(network, platform, options),
    createSession(socket, settings, agreement) {
      const deflate = deflateSettings(settings.perMessageDeflate);
      const compression =
        agreement && deflate && compressionSettings(deflate, agreement, runtime.deflateEngine(deflate.engine), 'server');
      return createSession(socket, { role: 'server', compression, ...sessionSettings(settings) }, undefined);
    },
  };
}

/** Makes sessions over sockets of ours, and over those of node:http. */
export function streamSessionMaker({ platform, createDuplexSession }: StreamRuntime): SessionMaker {
  return (socket, options, generateMask) => {
    const given: object = socket;
    if (given instanceof StreamSocket) return given.createSession(withMasks(platform, generateMask), options);
    return createDuplexSession(socket, options, generateMask);
  };
}
