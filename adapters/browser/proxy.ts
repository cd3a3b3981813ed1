// Entry point in browsers, and on other runtimes that have only their own WebSocket: proxies of clients, which they cannot have.

import { unavailable } from './unavailable.ts';

export * from '../../src/proxy/public.ts';

/** @throws {TypeError} always. */
function refuseProxy(): never {
  throw unavailable('A native WebSocket takes no proxy', 'set it in the browser or in the operating system');
}

/** @throws {TypeError} always: the browser decides. */
export const createProxy = (..._values: unknown[]): never => refuseProxy();
/** @throws {TypeError} always: the browser decides. */
export const proxyFromEnvironment = (..._values: unknown[]): never => refuseProxy();
