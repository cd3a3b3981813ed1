// Types and errors of every entry point `wasock/proxy`.

export type { EnvironmentProxyOptions, ProxyConnector } from './connector.ts';
export { ProxyError } from './error.ts';
export type { ProxyOptions, ProxyTls } from './server.ts';
