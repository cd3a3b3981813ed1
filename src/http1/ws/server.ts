// What a ws-style WebSocketServer over raw sockets is made of.

import { compressionSettings, deflateSettings, sessionSettings } from '../../api/ws/options.ts';
import { withMasks } from '../../api/ws/client.ts';
import type { ServerPlatform } from '../../api/ws/server-core.ts';
import type { SessionMaker } from '../../api/ws/internals.ts';
import type { WebSocketBase } from '../../api/ws/websocket.ts';
import { createSession } from '../../nodejs/session.ts';
import { StreamHttpServer } from './http-server.ts';
import type { StreamRuntime } from './runtime.ts';
import { StreamSocket } from './socket.ts';

/** What to lend to a server class. @param WebSocket The class that it constructs unless the program names another. */
export function streamServerPlatform(runtime: StreamRuntime, WebSocket: new (address: null) => WebSocketBase): ServerPlatform {
  const { network, platform, checkDeflateOptions } = runtime;
  const makeSession = streamSessionMaker(runtime);
  return {
    WebSocket,
    checkDeflateOptions,
    createHttpServer: (options) => new StreamHttpServer(network, platform, options),
    createSession(socket, settings, agreement) {
      const deflate = deflateSettings(settings.perMessageDeflate);
      const compression =
        agreement && deflate && compressionSettings(deflate, agreement, runtime.deflateEngine(deflate.engine), 'server');
      return makeSession(socket, { role: 'server', compression, ...sessionSettings(settings) }, undefined);
    },
  };
}

/** Makes sessions over sockets of ours, and over those of node:net and node:http. */
export function streamSessionMaker({ platform }: StreamRuntime): SessionMaker {
  return (socket, options, generateMask) => {
    const given: object = socket;
    const own = withMasks(platform, generateMask);
    return given instanceof StreamSocket ? given.createSession(own, options) : createSession(socket, options, own);
  };
}
