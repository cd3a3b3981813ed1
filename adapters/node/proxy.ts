// Entry point on Node.js: proxies of clients.

import type { Proxies } from '../../src/proxy/connector.ts';
import { proxies } from '../../src/nodejs/proxies.ts';

export * from '../../src/proxy/public.ts';

/** {@link Proxies.createProxy} */
export const createProxy: Proxies['createProxy'] = proxies.createProxy;
/** {@link Proxies.proxyFromEnvironment} */
export const proxyFromEnvironment: Proxies['proxyFromEnvironment'] = proxies.proxyFromEnvironment;
