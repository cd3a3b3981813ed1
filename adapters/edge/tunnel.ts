// A tunnel through a proxy over a socket of `cloudflare:sockets`.

import { toError } from '../../src/base/realms.ts';
import { defer } from '../../src/clock.ts';
import { hangUp } from '../../src/handshake/opening.ts';
import type { ConnectEvents, ConnectPlan } from '../../src/http1/network.ts';
import type { Platform } from '../../src/platform.ts';
import { ProxyError } from '../../src/proxy/error.ts';
import { negotiate } from '../../src/proxy/negotiation.ts';
import type { ProxyServer } from '../../src/proxy/server.ts';
import { checkPlan } from './network.ts';
import { EdgeTransport, type EdgeSocket, type SocketConnect } from './transport.ts';

/**
 * Opens a tunnel. Events come after this has returned, and none after `abort()`.
 *
 * @throws {TypeError} for options that a worker does not support.
 */
export function openTunnel(
  connect: SocketConnect,
  platform: Platform,
  proxy: ProxyServer,
  plan: ConnectPlan,
  events: ConnectEvents,
): { abort(): void } {
  checkPlan(plan);
  const { host, port, tls } = plan;
  const isSecure = tls !== undefined;
  if (isSecure && proxy.isSecure) {
    throw new TypeError('A worker has no TLS within TLS: use an http: or socks5: proxy for a wss: URL');
  }
  if (Object.keys(proxy.tls).length > 0) throw new TypeError('tls: a worker always uses the certificates of its platform');
  let isOver = false;
  let current: EdgeSocket | undefined;
  const run = async (): Promise<void> => {
    const { socket, rest } = await negotiateOver(connect, proxy, plan, (opened) => (current = opened));
    if (isOver) return;
    const secured = isSecure ? socket.startTls!({ expectedServerHostname: host }) : socket;
    current = secured;
    if (isSecure) await openedSocket(secured);
    if (isOver) return;
    isOver = true;
    const remote = { address: undefined, port };
    events.onConnect(new EdgeTransport(withRest(secured, rest), platform, { isSecure, remote }));
  };
  defer(() => {
    if (isOver) return;
    run().catch((error: unknown) => {
      if (isOver) return;
      isOver = true;
      drop(current);
      defer(() => events.onError(toError(error)));
    });
  });
  return {
    abort() {
      if (isOver) return;
      isOver = true;
      drop(current);
    },
  };
}

function drop(socket: EdgeSocket | undefined): void {
  socket?.close().catch(() => {});
}

/** Waits for the TLS handshake. A socket that closes meanwhile may leave `opened` pending. */
async function openedSocket({ opened, closed }: EdgeSocket): Promise<void> {
  const ended = closed.then(() => {
    throw hangUp();
  });
  await Promise.race([opened, ended]);
}

interface Negotiated {
  readonly socket: EdgeSocket;
  /** Bytes behind the last answer of the proxy. */
  readonly rest: Uint8Array;
}

/** The dialogue with the proxy. Afterwards no reader and no writer is on the socket. */
async function negotiateOver(
  connect: SocketConnect,
  proxy: ProxyServer,
  plan: ConnectPlan,
  onSocket: (socket: EdgeSocket) => void,
): Promise<Negotiated> {
  const negotiation = negotiate(proxy, plan);
  const socket = await connectTo(connect, proxy, plan.tls !== undefined, onSocket);
  const reader = socket.readable.getReader();
  const writer = socket.writable.getWriter();
  const fail = (reason: string, cause?: unknown): never => {
    throw new ProxyError({ proxy: proxy.name, reason, cause: cause === undefined ? undefined : toError(cause) });
  };
  try {
    for (let bytes: Uint8Array | undefined = negotiation.greeting; ;) {
      if (bytes !== undefined) await writer.write(bytes);
      const { done, value } = await reader.read();
      if (done) return fail('closed the connection without an answer');
      const progress = negotiation.receive(value);
      bytes = undefined;
      if (progress === undefined) continue;
      if ('error' in progress) throw progress.error;
      if ('rest' in progress) {
        // A server waits for our ClientHello. So these bytes are not of the server that is checked.
        if (progress.rest.length > 0 && plan.tls !== undefined) return fail('sent bytes before the TLS handshake');
        return { socket, rest: progress.rest };
      }
      bytes = progress.reply;
    }
  } catch (error) {
    if (error instanceof ProxyError) throw error;
    return fail(`broke the connection: ${toError(error).message}`, error);
  } finally {
    reader.releaseLock();
    writer.releaseLock();
  }
}

async function connectTo(
  connect: SocketConnect,
  { host, port, isSecure, name }: ProxyServer,
  startsTls: boolean,
  onSocket: (socket: EdgeSocket) => void,
): Promise<EdgeSocket> {
  try {
    // IPv6 addresses have brackets here, as in a URL.
    const address = { hostname: host.includes(':') ? `[${host}]` : host, port };
    const secureTransport = isSecure ? 'on' : startsTls ? 'starttls' : 'off';
    const socket = connect(address, { secureTransport, allowHalfOpen: true });
    socket.closed.catch(() => {});
    onSocket(socket);
    await socket.opened;
    return socket;
  } catch (error) {
    const cause = toError(error);
    throw new ProxyError({ proxy: name, reason: `cannot be reached: ${cause.message}`, cause });
  }
}

/** `socket`, whose first bytes are `rest`. */
function withRest(socket: EdgeSocket, rest: Uint8Array): EdgeSocket {
  if (rest.length === 0) return socket;
  const reader = socket.readable.getReader();
  const readable = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(rest),
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
  });
  return {
    readable,
    writable: socket.writable,
    opened: socket.opened,
    closed: socket.closed,
    close: () => socket.close(),
  };
}
