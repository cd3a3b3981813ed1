// Entry point in workers, workerd first: proxies of clients.

import { connect } from 'cloudflare:sockets';
import type { ConnectEvents, ConnectPlan } from '../../src/http1/network.ts';
import { bindProxies, type Proxies } from '../../src/proxy/connector.ts';
import { platform } from './platform.ts';
import { openTunnel } from './tunnel.ts';

export * from '../../src/proxy/public.ts';

const proxies = /* @__PURE__ */ bindProxies<ConnectPlan, ConnectEvents>(
  (proxy, plan, events) => openTunnel(connect, platform, proxy, plan, events),
  // Variables of a worker are members of the `env` of its handlers.
  undefined,
);

/** {@link Proxies.createProxy} */
export const createProxy: Proxies['createProxy'] = proxies.createProxy;
/** {@link Proxies.proxyFromEnvironment} */
export const proxyFromEnvironment: Proxies['proxyFromEnvironment'] = proxies.proxyFromEnvironment;
