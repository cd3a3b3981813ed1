// Entry point on Bun: proxies of clients.

import type { Proxies } from '../../src/proxy/connector.ts';
import { createStreamProxies } from '../../src/tunnel/streams.ts';
import { platform } from './platform.ts';

export * from '../../src/proxy/public.ts';

const proxies = createStreamProxies(platform, (name) => process.env[name]);

/** {@link Proxies.createProxy} */
export const createProxy: Proxies['createProxy'] = proxies.createProxy;
/** {@link Proxies.proxyFromEnvironment} */
export const proxyFromEnvironment: Proxies['proxyFromEnvironment'] = proxies.proxyFromEnvironment;
