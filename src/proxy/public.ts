// What every entry point `wasock/proxy` exports besides its functions.

export type { EnvironmentProxyOptions, ProxyConnector } from './connector.ts';
export { ProxyError } from './error.ts';
export type { ProxyOptions, ProxyTls } from './server.ts';
