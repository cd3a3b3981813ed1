// Clients in a worker, through the proxy that a request to the worker names.

import { createProxy, proxyFromEnvironment } from '../../../adapters/edge/proxy.ts';
import { WebSocket } from '../../../adapters/edge/w3c.ts';

/** A connection to try. */
interface Attempt {
  readonly url: string;
  /** The URL of a proxy, or the variables of an environment. */
  readonly proxy: string | Readonly<Record<string, string>>;
  readonly headers?: Record<string, string>;
  readonly tls?: object;
  readonly handshakeTimeout?: number;
  /** Milliseconds after which the program closes a client that is connecting. */
  readonly closeAfter?: number;
}

/** What the program observes. */
async function run({ url, proxy: named, headers, tls, handshakeTimeout, closeAfter }: Attempt): Promise<unknown[]> {
  const proxy = typeof named === 'string' ? createProxy(named, { headers, tls }) : proxyFromEnvironment({ variables: named });
  const client = new WebSocket(url, { proxy, handshakeTimeout });
  client.binaryType = 'arraybuffer';
  const events: unknown[] = [];
  const long = new Uint8Array(300_000).map((_, index) => index * 7);
  await new Promise<void>((resolve) => {
    client.addEventListener('open', () => {
      client.send('hällo');
      client.send(long);
    });
    client.addEventListener('message', ({ data }) => {
      if (typeof data === 'string') {
        events.push(data);
        return;
      }
      const bytes = new Uint8Array(data as ArrayBuffer);
      events.push(bytes.length === long.length && bytes.every((byte, index) => byte === long[index]));
      client.close(1000);
    });
    client.addEventListener('error', (event) => {
      const { name, message, code, proxyStatus } = (
        event as unknown as { error: Error & { code?: string; proxyStatus?: number } }
      ).error;
      events.push({ name, message, code, proxyStatus });
    });
    client.addEventListener('close', ({ code }) => resolve(void events.push(code)));
    if (closeAfter !== undefined) setTimeout(() => client.close(), closeAfter);
  });
  return events;
}

export default {
  async fetch(request: Request): Promise<Response> {
    try {
      return Response.json(await run((await request.json()) as Attempt));
    } catch (error) {
      return Response.json([`${(error as Error).name}: ${(error as Error).message}`]);
    }
  },
};
