// Our server in a process of its own, on any of the runtimes: the other half of a pair that no single runtime can be.

import type { RunningServer, ServerPlan } from '../contract/runtime.ts';
import type { ServerPeer } from './pair.ts';
import { startProgram, type ProgramRuntime } from './programs.ts';

async function startServer(runtime: ProgramRuntime, options: object): Promise<RunningServer> {
  const program = await startProgram('test/cross/server.ts', runtime, options);
  try {
    // It writes its URL as its first line.
    return { url: await program.line(), close: () => program.close() };
  } catch (error) {
    await program.close();
    throw error;
  }
}

/** Our server on `runtime`, as a server of the contract. Its script is its own, in its process. */
export function spawnedServer(runtime: ProgramRuntime, takesDeflate: boolean): ServerPeer {
  return {
    name: `our server on ${runtime}${takesDeflate ? ' with permessage-deflate' : ''}`,
    takesDeflate,
    createServer: ({ maxPayload }: ServerPlan) =>
      startServer(runtime, { perMessageDeflate: takesDeflate, ...(maxPayload !== undefined && { maxPayload }) }),
  };
}
