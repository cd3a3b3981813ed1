// Proxies for openings over node:http.

import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import type { Target } from '../handshake/opening.ts';
import { bindProxies, type ConnectionPlan, type Proxies, type ProxyConnector } from '../proxy/connector.ts';
import { openTunnel } from '../tunnel/tunnel.ts';

interface Events {
  onConnect(socket: Socket): void;
  onError(error: Error): void;
}

/** The functions of `wasock/proxy` on Node.js. */
export const proxies: Proxies = bindProxies<ConnectionPlan, Events>(
  // Options of the request that are about its address are for a connection without a proxy.
  (proxy, { host, port, tls }, events) =>
    openTunnel(proxy, { host, port, tls: tls && { ...tls, path: undefined, port: undefined }, allowHalfOpen: false }, events),
  (name) => process.env[name],
);

/** Options of `http.request` that say how to connect. */
const CONNECTION_OPTIONS: readonly string[] = [
  'agent',
  'createConnection',
  'dispatcher',
  'family',
  'hints',
  'localAddress',
  'localPort',
  'lookup',
  'socketPath',
];

/**
 * Checks the option `proxy` against the options that say how to connect.
 *
 * @throws {TypeError} if they contradict each other.
 */
export function checkProxy(options: Readonly<Record<string, unknown>>): void {
  if (options['proxy'] === undefined) return;
  const other = CONNECTION_OPTIONS.find((name) => options[name] !== undefined);
  if (other !== undefined)
    throw new TypeError(`The options proxy and ${other} exclude each other: the proxy decides how to connect`);
}

/** An Agent, as Node.js has it from version 24 on. */
interface EnvironmentAgent {
  readonly options?: { readonly proxyEnv?: Readonly<Record<string, string>> | null };
}

/** Connectors by the variables that Node.js has been told to use. */
const connectors = new WeakMap<object, ProxyConnector>();

/**
 * The proxy of the environment, where Node.js has been told to use it: by NODE_USE_ENV_PROXY=1, --use-env-proxy or `http.setGlobalProxyFromEnv()`. Undefined if it
 * has not, or the program says how to connect.
 */
export function proxyFromNode({ isSecure }: Target, options: Readonly<Record<string, unknown>>): ProxyConnector | undefined {
  // A program may have set an agent that is none of Node.js's, as the package global-agent does.
  const agent = (isSecure ? https : http).globalAgent as unknown as EnvironmentAgent | undefined;
  const proxyEnv = agent?.options?.proxyEnv;
  if (!proxyEnv || CONNECTION_OPTIONS.some((name) => options[name] !== undefined)) return undefined;
  let connector = connectors.get(proxyEnv);
  if (connector === undefined) {
    connector = proxies.proxyFromEnvironment({ variables: proxyEnv });
    connectors.set(proxyEnv, connector);
  }
  return connector;
}
