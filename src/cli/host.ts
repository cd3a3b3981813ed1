// The seam between the commands and the runtime that they run on. An adapter provides it.

import type { metrics } from '../admission/metrics.ts';
import type { broadcast } from '../api/ws/broadcast.ts';
import type { WebSocket, WebSocketServer } from '../api/ws/classes.ts';
import type { Proxies } from '../proxy/connector.ts';

/** The ws-style entry point of the runtime, as far as the commands use it. */
export interface Library {
  readonly WebSocket: typeof WebSocket;
  readonly WebSocketServer: typeof WebSocketServer;
  readonly broadcast: typeof broadcast;
  readonly metrics: typeof metrics;
}

/** The runtime of the commands. */
export interface Host {
  /** Loads the library. `--help` and `--version` do not need it. */
  load(): Promise<Library>;
  /** Loads the proxies of clients. */
  loadProxies(): Promise<Proxies>;
  /** Program and arguments that start this command again, as another process. Undefined where it is not known. */
  readonly program: readonly string[] | undefined;
}
