// The value of the option `proxy`: an object that connects to servers through a proxy, instead of the runtime.

import { checkObject, objectOptions, ownOptions } from '../base/options.ts';
import { Exceptions, proxyOf, type Variables } from './environment.ts';
import type { Destination } from './negotiation.ts';
import { checkTls, readFields, readProxy, type ProxyOptions, type ProxyServer } from './server.ts';

/** Connects to servers, for the option `proxy` of a WebSocket. One object serves any number of them, and holds no connection. */
export interface ProxyConnector {
  /**
   * Connects, for clients of this library; programs do not call it. It is declared, so that a string is no connector for a compiler. The types of
   * plan and events are those of the runtime.
   *
   * @param direct Connects without a proxy.
   */
  connect(plan: object, events: object, direct: object): { abort(): void };
}

/** A connection to make. A runtime's plan has more. */
export interface ConnectionPlan extends Destination {
  /** Path of a Unix domain socket, instead of host and port. */
  readonly path?: string | undefined;
  /** TLS to the server, with these options. */
  readonly tls?: object | undefined;
}

type Connecting = { abort(): void };

/** How a runtime opens a tunnel. */
export type OpenTunnel<Plan extends ConnectionPlan, Events> = (proxy: ProxyServer, plan: Plan, events: Events) => Connecting;

export interface EnvironmentProxyOptions extends ProxyOptions {
  /** The variables, instead of those of the process. Workers need this option. */
  readonly variables?: Readonly<Record<string, string | undefined>> | undefined;
}

/** The functions of `wasock/proxy`. */
export interface Proxies {
  /**
   * A proxy for the option `proxy`.
   *
   * @param url `http:` for a proxy with CONNECT (RFC 9110 section 9.3.6), `https:` for the same with TLS to the proxy, `socks5:` or `socks5h:` for a
   *   SOCKS proxy (RFC 1928), which resolves host names in both cases. User name and password in it are for the proxy, percent-encoded.
   * @throws {TypeError} for a URL or an option that cannot be used.
   */
  createProxy(url: string | URL, options?: ProxyOptions): ProxyConnector;
  /**
   * The proxy that the environment names: HTTP_PROXY for `ws:` URLs, HTTPS_PROXY for `wss:` URLs, and none for the hosts in NO_PROXY. The
   * variables are read once, by this call.
   *
   * @throws {TypeError} for a variable that is not the URL of a proxy, and for an option that cannot be used.
   */
  proxyFromEnvironment(options?: EnvironmentProxyOptions): ProxyConnector;
}

/**
 * Makes the functions of a runtime.
 *
 * @param processVariables The variables of the process; undefined if there are none.
 */
export function bindProxies<Plan extends ConnectionPlan, Events>(
  open: OpenTunnel<Plan, Events>,
  processVariables: Variables | undefined,
): Proxies {
  return {
    createProxy(url, options) {
      const server = readProxy(url, objectOptions(options));
      return {
        connect(plan, events) {
          if ((plan as Plan).path !== undefined) throw new TypeError('The "proxy" option is not for a Unix domain socket');
          return open(server, plan as Plan, events as Events);
        },
      };
    },

    proxyFromEnvironment(settings) {
      const { variables: given, tls, headers } = objectOptions(settings);
      if (given !== undefined) checkObject('variables', given);
      // Also if no variable names a proxy today. The fields are read once, because an iterator is at its end then.
      checkTls(tls);
      const options = { tls, headers: readFields(headers) };
      const own = given && ownOptions(given);
      const variables = own ? (name: string) => own[name] : processVariables;
      if (variables === undefined) throw new TypeError('proxyFromEnvironment() needs the "variables" option here: pass env');
      const servers = [false, true].map((isSecure) => serverOf(variables, isSecure, options));
      const exceptions = new Exceptions(variables);
      return {
        connect(given_, events, direct) {
          const plan = given_ as Plan;
          const server = servers[Number(plan.tls !== undefined)];
          const isDirect = server === undefined || plan.path !== undefined || exceptions.has(plan);
          return isDirect ? (direct as ProxyConnector).connect(plan, events, direct) : open(server, plan, events as Events);
        },
      };
    },
  };
}

function serverOf(variables: Variables, isSecure: boolean, { tls, headers }: ProxyOptions): ProxyServer | undefined {
  const url = proxyOf(variables, isSecure);
  if (url === undefined) return undefined;
  try {
    // Each of the variables may name a proxy of another kind.
    return readProxy(url, {
      tls: url.startsWith('https:') ? tls : undefined,
      headers: url.startsWith('socks') ? undefined : headers,
    });
  } catch (error) {
    throw new TypeError(`${isSecure ? 'HTTPS_PROXY' : 'HTTP_PROXY'}: ${(error as Error).message}`, { cause: error });
  }
}
