// Our server on this runtime, for clients that run elsewhere.

import type { RunningServer } from '../../contract/runtime.ts';
import { ContractScript } from '../../contract/script.ts';
import type { ServerPeer } from '../pair.ts';
import { PAYLOAD_LIMITS } from './plan.ts';

export interface Servers {
  /** As in `RunPlan`. */
  readonly urls: Record<number, string>;
  close(): Promise<void>;
}

/** Starts a server of `peer` for each limit that the contract asks for. */
export async function startServers(peer: ServerPeer): Promise<Servers> {
  const urls: Record<number, string> = {};
  const servers: RunningServer[] = [];
  for (const maxPayload of [0, ...PAYLOAD_LIMITS]) {
    const plan = { script: new ContractScript(), ...(maxPayload > 0 && { maxPayload }) };
    const server = await peer.createServer(plan);
    servers.push(server);
    urls[maxPayload] = server.url;
  }
  return {
    urls,
    async close() {
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}
