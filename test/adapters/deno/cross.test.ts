// The contract between our clients on Deno and our servers on the other runtimes.

import { describeContract } from '../../contract/contract.ts';
import type { ServerPeer } from '../../support/pair.ts';
import type { ProgramRuntime } from '../../support/programs.ts';
import { spawnedServer } from '../../support/spawned-server.ts';
import { denoPair } from './peers.ts';

const runtimes: readonly ProgramRuntime[] = ['node', 'bun'];

function describeClients({ name, takesDeflate, createServer }: ServerPeer): void {
  describeContract({ ...denoPair({ name: `our clients on Deno × ${name}`, deflates: takesDeflate }), createServer });
}

for (const runtime of runtimes) {
  describeClients(spawnedServer(runtime, false));
  describeClients(spawnedServer(runtime, true));
}
