// Tunnels as byte streams, for the networks of Deno and Bun.

import type { Proxies } from '../proxy/connector.ts';
import { bindProxies } from '../proxy/connector.ts';
import type { Variables } from '../proxy/environment.ts';
import type { ConnectEvents, ConnectPlan } from '../http1/network.ts';
import type { Platform } from '../platform.ts';
import { SocketStream } from './socket-stream.ts';
import { openTunnel } from './tunnel.ts';

/** The functions of `wasock/proxy` over byte streams. */
export function createStreamProxies(platform: Platform, variables: Variables): Proxies {
  return bindProxies<ConnectPlan, ConnectEvents>((proxy, { host, port, tls }, events) => {
    const isSecure = tls !== undefined;
    // An option that is undefined would take the place of a default.
    const options = tls && Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
    const plan = { host, port, tls: options, allowHalfOpen: true };
    return openTunnel(proxy, plan, {
      onConnect: (socket) => events.onConnect(new SocketStream(socket, isSecure, platform)),
      onError: (error) => events.onError(error),
    });
  }, variables);
}
