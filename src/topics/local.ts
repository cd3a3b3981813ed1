// A bus for the processes or threads of one machine, without an engine: workers of node:cluster, and threads of Node.js, Deno and Bun.

import type { Bus } from './bus.ts';
import { checkFlag, ownOptions, refuse } from '../base/options.ts';
import { LocalBus } from './local-bus.ts';
import { Hub } from './local-hub.ts';
import {
  linkChannel,
  linkCluster,
  linkDirect,
  serveChannel,
  serveCluster,
  type LocalCluster,
  type LocalClusterWorker,
} from './local-links.ts';

export type { Bus, LocalCluster, LocalClusterWorker };

/** Options of {@link localHub} and {@link localBus}. */
export interface LocalOptions {
  /** The module `node:cluster`, for processes. Default: threads of this process, by a BroadcastChannel. */
  readonly cluster?: LocalCluster | undefined;
  /** Of the hub, the same for its buses. Default `'wasock'`. */
  readonly name?: string | undefined;
}

/** The one place of a machine through which its buses pass. */
export interface LocalHub {
  /** Makes a bus for `Topics` in the hub's own thread. */
  bus(): Bus;
  /** Forgets all histories. Buses report that they are away. */
  close(): void;
}

/**
 * Starts the hub: in the primary process of a cluster, or in the main thread. It keeps the histories. One for a name.
 *
 * @throws {TypeError} in a worker of a cluster, or if the runtime has no BroadcastChannel.
 */
export function localHub(options?: LocalOptions): LocalHub {
  const { cluster, name } = read(options);
  if (cluster !== undefined && !cluster.isPrimary) throw new TypeError('The hub of a cluster is in its primary process');
  const hub = new Hub(crypto.randomUUID().slice(0, 13));
  const end = cluster === undefined ? serveChannel(hub, name) : serveCluster(hub, cluster, name);
  let isClosed = false;
  return {
    bus: () => new LocalBus(linkDirect(hub)),
    close() {
      if (isClosed) return;
      isClosed = true;
      hub.close();
      end();
    },
  };
}

/**
 * Makes a bus to the hub of {@link localHub}, for a worker of a cluster or any thread.
 *
 * @throws {TypeError} in the primary process of a cluster.
 */
export function localBus(options?: LocalOptions): Bus {
  const { cluster, name } = read(options);
  if (cluster === undefined) return new LocalBus(linkChannel(name));
  if (cluster.worker === undefined || cluster.isPrimary) {
    throw new TypeError('localBus() with a cluster is for its workers: in the primary, use bus() of localHub()');
  }
  return new LocalBus(linkCluster(cluster.worker, name));
}

function read(options: LocalOptions | undefined): { readonly cluster: LocalCluster | undefined; readonly name: string } {
  const { cluster, name = 'wasock' } = ownOptions(options);
  if (typeof name !== 'string') refuse(TypeError, 'name', 'a string', name);
  if (cluster !== undefined) checkFlag('cluster.isPrimary', cluster.isPrimary);
  return { cluster, name };
}
