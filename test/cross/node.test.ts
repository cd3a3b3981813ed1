// The contract between our clients on Node and our servers on the other runtimes.

import { describeContract } from '../contract/contract.ts';
import { pair } from '../support/pair.ts';
import { ourClients } from '../support/peers.ts';
import type { ProgramRuntime } from '../support/programs.ts';
import { spawnedServer } from '../support/spawned-server.ts';

const runtimes: readonly ProgramRuntime[] = ['deno', 'bun', 'node-26'];

for (const runtime of runtimes) {
  describeContract(pair(ourClients, spawnedServer(runtime, false)));
  describeContract(pair(ourClients, spawnedServer(runtime, true)));
}
