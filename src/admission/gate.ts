// The public gate, for WebSockets that `upgrade()` makes. A WebSocketServer has a gate of its own.

import { keepCore, requireCore } from '../base/core.ts';
import { objectOptions } from '../base/options.ts';
import { GateCore } from './gate-core.ts';
import { admissionCounters, serverMetrics, type AdmissionCounters, type ServerMetrics } from './metrics.ts';
import type { AdmissionOptions } from './options.ts';
import type { ShutdownOptions, ShutdownResult } from './shutdown.ts';

/**
 * Limits and shuts down the WebSockets that `upgrade()` makes with it as the option `gate`:
 *
 *     const gate = new Gate({ maxConnections: 10_000 });
 *     const { response, socket } = upgrade(request, { gate });
 *     await gate.shutdown();
 *
 * The limits count for all WebSockets of the gate together.
 */
export class Gate {
  /**
   * @throws {RangeError} for a limit of no use.
   * @throws {TypeError} for an option of a wrong type.
   */
  constructor(options?: AdmissionOptions | null) {
    const core = new GateCore(objectOptions(options));
    core.server = this;
    keepCore(this, core);
  }

  /** Connections that are open. */
  get connections(): number {
    return (requireCore(this) as GateCore).connections;
  }

  /** How often each limit has had an effect. A copy. */
  get counters(): AdmissionCounters {
    return admissionCounters((requireCore(this) as GateCore).meter);
  }

  /** Numbers of the connections so far. docs/observability.md has the table. */
  metrics(): ServerMetrics {
    return serverMetrics((requireCore(this) as GateCore).meter);
  }

  /**
   * Refuses further requests with 503 and `Retry-After`, closes the connections, and waits for their end: for the closing handshakes, and for messages that
   * still wait. Drops those that are left after `timeout`. The HTTP server is for the program to close.
   *
   * A second call joins the first. It may bring a `signal`.
   *
   * @throws {RangeError | TypeError} for an option of no use. The promise is rejected.
   */
  async shutdown(options?: ShutdownOptions | null): Promise<ShutdownResult> {
    return await (requireCore(this) as GateCore).shutdown(options);
  }

  /** {@link shutdown} with the defaults, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }
}
