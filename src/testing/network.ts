// A network in memory: listeners by host and port, and clients that find them.

import { microtask } from '../clock.ts';
import type { ByteStream, Network } from '../http1/network.ts';
import { join, type Link } from './link.ts';

/** Links of the ends that {@link MemoryNetwork} gave to its listeners. */
const links = new WeakMap<ByteStream, Link>();

/** The link below the server's end of a connection. */
export function linkOf(stream: ByteStream): Link {
  return links.get(stream)!;
}

type Accept = (stream: ByteStream) => void;

/** In place of the host of a listener that takes connections to any. */
const ANY_HOST = '*';
const UNSPECIFIED: readonly (string | undefined)[] = [undefined, '0.0.0.0', '::'];

/** The first port for listeners that ask for any. */
const FIRST_FREE_PORT = 49_152;

/** Makes a network, which no other one reaches. */
export function createNetwork(): Network {
  const listeners = new Map<string, Accept>();
  let freePort = FIRST_FREE_PORT;
  return {
    listen({ port: given, host }, events) {
      const port = given === 0 ? freePort++ : given;
      const place = `${UNSPECIFIED.includes(host) ? ANY_HOST : host}:${port}`;
      if (listeners.has(place)) {
        events.onError(Object.assign(new Error(`listen EADDRINUSE: ${place}`), { code: 'EADDRINUSE' }));
      } else {
        listeners.set(place, (stream) => events.onConnection(stream));
        events.onListening({ address: host ?? '127.0.0.1', port, family: 'IPv4' });
      }
      return {
        close(onClosed) {
          listeners.delete(place);
          microtask(onClosed);
        },
        ref() {},
      };
    },
    connect({ host, port, tls }, { onConnect, onError }) {
      let isAborted = false;
      microtask(() => {
        if (isAborted) return;
        const accept = listeners.get(`${host}:${port}`) ?? listeners.get(`${ANY_HOST}:${port}`);
        if (accept === undefined) {
          const text = `connect ECONNREFUSED ${host}:${port}: no mock server listens there`;
          return onError(Object.assign(new Error(text), { code: 'ECONNREFUSED' }));
        }
        const { client, server, link } = join(tls !== undefined);
        links.set(server, link);
        accept(server);
        onConnect(client);
      });
      return { abort: () => void (isAborted = true) };
    },
  };
}
