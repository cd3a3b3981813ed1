// The network of workerd: outgoing TCP and TLS connections only.

import type { ClientTls, ConnectEvents, ConnectPlan, Network } from '../../src/http1/network.ts';
import type { Platform } from '../../src/platform.ts';
import { toError } from '../../src/base/realms.ts';
import { EdgeTransport, type SocketConnect } from './transport.ts';
import { defer } from '../../src/clock.ts';

/** @param connect Of `cloudflare:sockets`. */
export function createNetwork(connect: SocketConnect, platform: Platform): Network {
  return {
    listen() {
      throw new TypeError('A worker cannot listen for connections: call upgrade(request) in its fetch handler');
    },
    connect(plan, events) {
      checkPlan(plan);
      return startConnecting(connect, platform, plan, events);
    },
  };
}

function startConnecting(
  connect: SocketConnect,
  platform: Platform,
  plan: ConnectPlan,
  events: ConnectEvents,
): { abort(): void } {
  const { host, port, tls } = plan;
  let isOver = false;
  const fail = (error: unknown): void => {
    if (isOver) return;
    isOver = true;
    events.onError(toError(error));
  };
  // IPv6 addresses have brackets here, as in a URL.
  const hostname = host.includes(':') ? `[${host}]` : host;
  let transport: EdgeTransport | undefined;
  try {
    const socket = connect({ hostname, port }, { secureTransport: tls === undefined ? 'off' : 'on', allowHalfOpen: true });
    const made = new EdgeTransport(socket, platform, { isSecure: tls !== undefined, remote: { address: undefined, port } });
    transport = made;
    socket.opened.then(() => {
      if (isOver) return;
      isOver = true;
      events.onConnect(made);
    }, fail);
  } catch (error) {
    // Some ports are refused at once, and all ports outside of a request.
    defer(() => fail(error));
  }
  return {
    abort() {
      if (isOver) return;
      isOver = true;
      transport?.destroy();
    },
  };
}

/** @throws {TypeError} that names the unsupported option. */
export function checkPlan({ path, tls, host }: ConnectPlan): void {
  if (path !== undefined) throw new TypeError('A worker has no Unix domain sockets');
  if (tls === undefined) return;
  const { rejectUnauthorized, servername, ...others } = tls;
  if (rejectUnauthorized === false) throw new TypeError('tls.rejectUnauthorized: a worker always checks certificates');
  if (servername !== undefined && servername !== host)
    throw new TypeError('tls.servername: a worker always uses the host of the URL');
  for (const [name, value] of Object.entries(others satisfies ClientTls)) {
    if (value !== undefined) throw new TypeError(`tls.${name}: a worker always uses the certificates of its platform`);
  }
}
