// Entry point on Deno: proxies of clients.

import process from 'node:process';
import type { Proxies } from '../../src/proxy/connector.ts';
import { createStreamProxies } from '../../src/tunnel/streams.ts';
import { platform } from './platform.ts';

export * from '../../src/proxy/public.ts';

// Deno asks for the permission env where the program has not got it.
const proxies = createStreamProxies(platform, (name) => process.env[name]);

/** {@link Proxies.createProxy} */
export const createProxy: Proxies['createProxy'] = proxies.createProxy;
/** {@link Proxies.proxyFromEnvironment} */
export const proxyFromEnvironment: Proxies['proxyFromEnvironment'] = proxies.proxyFromEnvironment;
