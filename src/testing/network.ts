// A network in memory: listeners by host and port, and clients that find them.

import { microtask } from '../clock.ts';
import type { OpeningPlan } from '../handshake/opening.ts';
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

/** Names of this machine. A listener at one of them takes the connections to the others, unless those have a listener of their own. */
const LOOPBACK: readonly string[] = ['localhost', '127.0.0.1', '::1'];

/** The first and the last port for listeners that ask for any. */
const FIRST_FREE_PORT = 49_152;
const LAST_FREE_PORT = 65_535;

/** The hosts of listeners that take a connection to `host`, the best one first. */
function hostsFor(host: string): readonly string[] {
  return [host, ...(LOOPBACK.includes(host) ? LOOPBACK : []), ANY_HOST];
}

/**
 * Makes openings without the option `proxy`. Otherwise code under test that sets it would leave the memory, with masking keys that anyone can
 * guess.
 */
export function withoutProxy<Events, Opening>(
  start: (plan: OpeningPlan, events: Events) => Opening,
): (plan: OpeningPlan, events: Events) => Opening {
  return (plan, events) => start({ ...plan, options: { ...plan.options, proxy: undefined } }, events);
}

/** Makes a network, which no other one reaches. */
export function createNetwork(): Network {
  const listeners = new Map<string, Accept>();
  let lastPort = LAST_FREE_PORT;
  const isTaken = (port: number): boolean => [...listeners.keys()].some((place) => place.endsWith(`:${port}`));
  const findPort = (): number => {
    const first = lastPort;
    do lastPort = lastPort === LAST_FREE_PORT ? FIRST_FREE_PORT : lastPort + 1;
    while (isTaken(lastPort) && lastPort !== first);
    return lastPort;
  };
  return {
    listen({ port: given, host: name }, events) {
      const port = given === 0 ? findPort() : given;
      const host = name?.toLowerCase();
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
        const found = hostsFor(host).find((name) => listeners.has(`${name}:${port}`));
        if (found === undefined) {
          const text = `connect ECONNREFUSED ${host}:${port}: no mock server listens there`;
          return onError(Object.assign(new Error(text), { code: 'ECONNREFUSED' }));
        }
        const { client, server, link } = join(tls !== undefined);
        links.set(server, link);
        listeners.get(`${found}:${port}`)!(server);
        onConnect(client);
      });
      return { abort: () => void (isAborted = true) };
    },
  };
}
